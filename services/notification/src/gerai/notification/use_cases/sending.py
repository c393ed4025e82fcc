"""How a notification takes its next way: at once when it is made, and again after each attempt.

The attempt itself is a job. Everything here happens in the transaction of the command that calls it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from gerai.contracts.notification import Channel
from gerai.messaging.job import Priority
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.circuit import Circuit
from gerai.notification.domain.inbox_item import InboxItem
from gerai.notification.domain.notification import Delivery, Notification, Wait, Ways
from gerai.notification.domain.party import Party
from gerai.notification.domain.rule import Names, Urgency
from gerai.notification.domain.rule_book import RuleBook, TemplateVersion
from gerai.notification.use_cases.providers import Providers

SEND_LATER = "send-later"
RECEIPT_OVERDUE = "receipt-overdue"
INBOX = "inbox"
PRIORITIES = {
    Urgency.NOW: Priority.URGENT,
    Urgency.NORMAL: Priority.NORMAL,
    Urgency.BULK: Priority.BULK,
}


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What the bootstrap knows and every sending use case needs."""

    providers: Providers
    names: Callable[[], Names]
    """The register as this process knows it now."""
    zone_of: Callable[[str | None], ZoneInfo]
    """Of a site; of None, where an event names no site, the installation's own."""
    own_address: str
    """Of our own pages, with a slash at its end."""
    receipt_within: timedelta = timedelta(minutes=5)


def job_kind(provider: str) -> str:
    """One kind for each provider, so that each has its own rate and its own rest."""
    return f"send:{provider}"


async def ways_to(
    party: Party | None, notification: Notification, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> Ways:
    """How this person can be reached now. Whoever has no party any more cannot be."""
    providers: dict[Channel, tuple[str, ...]] = {Channel.INBOX: (INBOX,)}
    for channel in (Channel.WHATSAPP, Channel.SMS, Channel.EMAIL):
        working = [
            provider.name
            for provider in sending.providers.of(channel)
            if await _works(provider.name, notification.tenant, uow=uow, at=at)
        ]
        providers[channel] = tuple(working)
    channels = party.ways(notification.category) if party is not None else ()
    template = await uow.find(
        TemplateVersion,
        TemplateVersion.id_of(notification.tenant, notification.template_id, notification.template_version),
    )
    worded = template.template.channels() if template is not None else frozenset()
    return Ways(
        channels=tuple(channel for channel in channels if channel in worded),
        wanted=party is None or party.wants(notification.category),
        providers=providers,
        quiet_until=await _quiet_until(notification, uow=uow, at=at),
    )


async def take_next_way(
    notification: Notification, *, uow: UnitOfWork, at: datetime, sending: Sending
) -> None:
    """Want the job of its next attempt, or set a timer for later; the inbox has it at once."""
    party = await uow.find(Party, notification.party_id)
    ways = await ways_to(party, notification, uow=uow, at=at, sending=sending)
    match notification.take_next_way(ways, at=at):
        case Wait(until=until):
            uow.schedule(SEND_LATER, notification.id, due=until, tenant=notification.tenant)
        case Delivery(channel=Channel.INBOX, attempt=attempt):
            await _put_into_inbox(notification, uow=uow, at=at)
            notification.was_accepted(attempt, reference=None, at=at)
        case Delivery(attempt=attempt, provider=provider):
            uow.want_job(
                job_kind(provider),
                f"{notification.id}:{attempt}",
                tenant=notification.tenant,
                payload={"notification": notification.id, "attempt": str(attempt)},
                priority=PRIORITIES[notification.urgency],
            )
        case None:
            pass


async def _works(provider: str, tenant: str, *, uow: UnitOfWork, at: datetime) -> bool:
    circuit = await uow.find(Circuit, circuit_id(provider, tenant))
    return circuit is None or circuit.lets_through(at=at)


def circuit_id(provider: str, tenant: str) -> str:
    return f"{tenant}:{provider}"


async def _quiet_until(notification: Notification, *, uow: UnitOfWork, at: datetime) -> datetime | None:
    book = await uow.get(RuleBook, notification.tenant)
    return book.quiet_hours(ZoneInfo(notification.zone)).end_after(at)


async def _put_into_inbox(notification: Notification, *, uow: UnitOfWork, at: datetime) -> None:
    stored = await uow.get(
        TemplateVersion,
        TemplateVersion.id_of(notification.tenant, notification.template_id, notification.template_version),
    )
    shown = stored.template.render(Channel.INBOX, notification.language, notification.values)
    uow.add(
        InboxItem(
            id=notification.id,
            tenant=notification.tenant,
            party_id=notification.party_id,
            title=shown.subject,
            text=shown.text,
            at=at,
        )
    )
