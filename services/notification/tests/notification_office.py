"""An office that tells people, on the in-memory twins: events come in, jobs are performed, providers behave as told."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from notification_builders import MORNING, OWN, Names

from gerai.chassis.testing import eventually
from gerai.contracts.event import Envelope, Event
from gerai.contracts.notification import Channel
from gerai.contracts.queue import TicketCalled, TicketIssued
from gerai.messaging.context import Context
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Done, Outcome
from gerai.messaging.jobs import JobKind, Jobs, WhenUnknown
from gerai.messaging.memory.jobs import MemoryJobQueue
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.adapters.sender import Sender
from gerai.notification.domain.inbox_item import InboxItem
from gerai.notification.domain.notification import Notification
from gerai.notification.domain.party import Party
from gerai.notification.use_cases import end_delivery as ending
from gerai.notification.use_cases.import_definitions import Definitions, import_definitions
from gerai.notification.use_cases.providers import Outgoing, Providers
from gerai.notification.use_cases.sending import (
    RECEIPT_OVERDUE,
    SEND_LATER,
    Sending,
    job_kind,
)
from gerai.notification.use_cases.when_event_happened_tell import when_event_happened_tell

TENANT = "muna-barat"
MAKASSAR = ZoneInfo("Asia/Makassar")
TICKET = {
    "tenant": TENANT,
    "site_id": "mpp",
    "counter_id": "bpjs",
    "service_id": "bpjs-daftar",
    "ticket_id": "t-1",
    "number": "A-012",
    "local_day": "2026-11-30",
    "leg": 1,
    "priority_class": "regular",
    "actor": "queue",
}
ISSUED = TicketIssued(**TICKET, from_state=None, to_state="waiting", party_id="party-1")
CALLED = TicketCalled(
    **TICKET, from_state="waiting", to_state="called", desk_id="3", call=1, wait_seconds=60, line_sequence=1
)


class FakeProvider:
    """A provider of the port's shape whose behaviour a test decides."""

    per_second = 1_000.0

    def __init__(self, name: str, channel: Channel, *, takes_idempotency_key: bool = False) -> None:
        self.name, self.channel = name, channel
        self.takes_idempotency_key = takes_idempotency_key
        self.sent: list[Outgoing] = []
        self.answers: Callable[[Outgoing], Outcome] = lambda outgoing: Done(answer={"reference": "r"})

    async def send(self, outgoing: Outgoing) -> Outcome:
        self.sent.append(outgoing)
        return self.answers(outgoing)


class Office:
    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.now = MORNING
        self.whatsapp = FakeProvider("meta", Channel.WHATSAPP)
        self.sms = FakeProvider("gateway", Channel.SMS)
        self.addresses = {Channel.WHATSAPP: "+6281234567890", Channel.SMS: "+6281234567890"}
        self.sending = Sending(
            providers=Providers((self.whatsapp, self.sms)),
            names=Names,
            zone_of=lambda site: MAKASSAR,
            own_address=OWN[0],
        )
        self.sender = Sender(self.storage, self, self.sending, now=lambda: self.now)
        self._reading = 0

    async def address(self, party: Party, channel: Channel) -> str | None:
        return self.addresses.get(channel)

    async def does(self, command: Callable[[UnitOfWork], Any], *, tenant: str | None = TENANT) -> Any:
        """As a caller of this regency. A consumer acts for all, with None."""
        answers: list[Any] = []

        async def run(uow: UnitOfWork) -> None:
            answers.append(await command(uow))

        async with GroupCommit(self.storage, source="/gerai/notification") as commit:
            await commit.execute(run, context=Context(tenant=tenant, actor="test", correlation_id="c"))
        return answers[-1]

    async def imports(self, **definitions: Any) -> Any:
        return await self.does(
            lambda uow: import_definitions(
                uow, self.now, Definitions.model_validate(definitions), own_addresses=OWN
            )
        )

    async def knows(self, *channels: Channel, **more: Any) -> None:
        async def keep(uow: UnitOfWork) -> None:
            party = await uow.find_or_add(Party(id="party-1", tenant=TENANT, **more))
            for channel in channels:
                party.keep_contact(channel, masked="+62***7890", proven=True)

        await self.does(keep)

    async def changes(self, change: Callable[[Party], None]) -> None:
        async def run(uow: UnitOfWork) -> None:
            change(await uow.get(Party, "party-1"))

        await self.does(run)

    async def hears(self, event: Event, *, id: int = 1, replayed_for: str | None = None) -> None:
        envelope = Envelope(
            id=uuid.UUID(int=id),
            source="/gerai/queue",
            subject="t-1",
            sequence=id,
            time=self.now,
            correlation_id="c",
            causation_id=None,
            event=event,
            replayed_for=replayed_for,
        )
        await self.does(
            lambda uow: when_event_happened_tell(event, envelope, uow=uow, at=self.now, sending=self.sending),
            tenant=None,
        )

    async def sends(self) -> None:
        """Until no job is due any more."""
        kinds = [
            JobKind(
                name=job_kind(provider.name),
                perform=self.sender.perform,
                complete=self._complete,
                when_unknown=WhenUnknown.COMPLETE,
            )
            for provider in (self.whatsapp, self.sms)
        ]
        async with GroupCommit(self.storage, source="/gerai/notification") as commit:
            jobs = Jobs(MemoryJobQueue(self.storage.jobs), kinds, commit=commit, now=lambda: self.now)
            task = asyncio.create_task(jobs.run())
            await eventually(
                self._due, lambda due: not due, because="no job is due any more", within=10, every=0.001
            )
            task.cancel()
            await asyncio.wait([task])

    async def _due(self) -> int:
        return len(self.storage.jobs.rows)

    async def _complete(self, job: Any, result: Any, *, uow: UnitOfWork, at: datetime) -> None:
        await ending.end_delivery(job, result, uow=uow, at=at, sending=self.sending)

    async def receipt(self, id: str, attempt: int, **said: Any) -> None:
        await self.does(
            lambda uow: ending.take_receipt(id, attempt, uow=uow, at=self.now, sending=self.sending, **said)
        )

    async def waits(self, time: timedelta) -> None:
        """And whatever timers are due then fire."""
        self.now += time
        handlers = {
            SEND_LATER: ending.when_quiet_hours_end_send,
            RECEIPT_OVERDUE: ending.when_receipt_is_overdue_try_another_way,
        }
        for timer in [row for row in self.storage.timers.values() if row.due <= self.now]:

            async def fire(uow: UnitOfWork, timer: Any = timer) -> None:
                uow.complete_timer(timer)
                await handlers[timer.name](timer, uow=uow, at=self.now, sending=self.sending)

            await self.does(fire)

    @property
    def notifications(self) -> list[Notification]:
        return sorted(self.storage.aggregates[Notification].values(), key=lambda kept: kept.created_at)

    @property
    def inbox(self) -> list[InboxItem]:
        return list(self.storage.aggregates.get(InboxItem, {}).values())

    @property
    def told(self) -> list[str]:
        """The types of the events that left, without their prefix."""
        return [row.type.removeprefix("notification.").removesuffix(".v1") for row in self.storage.outbox]
