"""The example service counts each ticket once, in the hour of its business time."""

import uuid
from datetime import UTC, datetime

from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.contracts.queue import PriorityClass, TicketIssued, TicketState
from gerai.hourly.service import HourTally, when_ticket_issued_count
from gerai.messaging.context import Context
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import IdempotencyKey, KeyKind

NINE = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)


def issued(*, at: datetime, tenant: str = "muna-barat") -> Envelope:
    event = TicketIssued(
        tenant=tenant,
        site_id="s",
        counter_id="c",
        service_id="v",
        ticket_id=str(uuid.uuid4()),
        number="A-001",
        local_day="2026-11-24",
        leg=1,
        priority_class=PriorityClass.REGULAR,
        from_state=None,
        to_state=TicketState.WAITING,
        actor="kiosk",
    )
    return Envelope(
        id=uuid.uuid4(),
        source="/gerai/queue",
        subject=event.ticket_id,
        sequence=1,
        time=at,
        correlation_id="c",
        causation_id=None,
        event=event,
    )


async def deliver(storage: MemoryStorage, *envelopes: Envelope) -> None:
    async with GroupCommit(storage, source="/gerai/hourly") as commit:
        for envelope in envelopes:

            async def react(uow, envelope=envelope):
                await when_ticket_issued_count(envelope.event, envelope, uow=uow, at=NINE)

            context = Context(tenant=None, actor="consumer", correlation_id="c")
            await commit.execute(
                react,
                context=context,
                idempotency_key=IdempotencyKey(kind=KeyKind.INBOX, key=f"g:{envelope.id}"),
            )


async def test_tickets_are_counted_in_their_hour_and_regency() -> None:
    storage = MemoryStorage()
    await deliver(
        storage,
        issued(at=NINE),
        issued(at=NINE.replace(minute=59)),
        issued(at=NINE.replace(hour=2)),
        issued(at=NINE, tenant="badung"),
    )
    counts = {id: tally.tickets for id, tally in storage.aggregates[HourTally].items()}  # type: ignore[attr-defined]
    assert counts == {"muna-barat:2026-11-24T01": 2, "muna-barat:2026-11-24T02": 1, "badung:2026-11-24T01": 1}
    said = [HourCounted.parse(row.body) for row in storage.outbox]
    assert [one.tickets for one in said if one.tenant == "muna-barat"] == [1, 2, 1]


async def test_a_ticket_that_comes_twice_counts_once() -> None:
    storage, ticket = MemoryStorage(), issued(at=NINE)
    await deliver(storage, ticket, ticket)
    assert [row.version for row in storage.outbox] == [1]
