"""The composition root: the one place where notification's parts are built and joined."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gerai.chassis import Background, Components, Service, ServiceContext
from gerai.contracts.notification import NOTIFICATIONS, PARTIES
from gerai.messaging.storage import TimerRow
from gerai.messaging.timers import TimerHandler
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.adapters import retention
from gerai.notification.adapters.indexes import INDEXES
from gerai.notification.entrypoints import definitions, events, notifications, parties
from gerai.notification.settings import NotificationSettings
from gerai.notification.use_cases.end_delivery import (
    when_quiet_hours_end_send,
    when_receipt_is_overdue_try_another_way,
)
from gerai.notification.use_cases.providers import Providers
from gerai.notification.use_cases.sending import RECEIPT_OVERDUE, SEND_LATER, Sending
from gerai.register.register import Register
from gerai.register.replica import RegisterReplica


def assemble(service_context: ServiceContext) -> Components:
    settings: NotificationSettings = service_context.settings
    replica = RegisterReplica(service_context.storage, Register)
    sending = _sending(settings, replica)
    return Components(
        routes=[
            definitions.routes((settings.own_address,)),
            parties.routes(),
            notifications.routes(sending),
        ],
        subscriptions=events.subscriptions(sending),
        timers=_timers(sending),
        background=[
            Background(name="register", run=replica.run, progress=replica.progress, ready=replica.ready)
        ],
    )


def _sending(settings: NotificationSettings, replica: RegisterReplica[Register]) -> Sending:
    home = ZoneInfo(settings.zone)

    def zone_of(site_id: str | None) -> ZoneInfo:
        register = replica.current
        return register.zone_of(site_id) if site_id and register.knows_site(site_id) else home

    return Sending(
        providers=Providers(()),
        names=lambda: replica.current,
        zone_of=zone_of,
        own_address=settings.own_address,
        receipt_within=timedelta(seconds=settings.receipt_within_seconds),
    )


def _timers(sending: Sending) -> dict[str, TimerHandler]:
    async def send_later(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
        await when_quiet_hours_end_send(timer, uow=uow, at=at, sending=sending)

    async def receipt_overdue(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
        await when_receipt_is_overdue_try_another_way(timer, uow=uow, at=at, sending=sending)

    return {SEND_LATER: send_later, RECEIPT_OVERDUE: receipt_overdue}


service = Service(
    name="notification",
    title="Gerai: notification",
    assemble=assemble,
    settings=NotificationSettings,
    topics=(NOTIFICATIONS, PARTIES),
    indexes=INDEXES,
    retention=retention.RULES,
)
