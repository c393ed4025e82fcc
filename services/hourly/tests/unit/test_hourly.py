"""Each ticket counts once, in the hour of its business time."""

import pytest
from hourly_builders import NINE, issued

from gerai.chassis.testing import assembled, deliver
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.hourly.service import HourTally, service
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


async def takes(storage: MemoryStorage, *told: Envelope) -> None:
    (subscription,) = (await assembled(service)).subscriptions
    async with GroupCommit(storage, source="/gerai/hourly") as commit:
        await deliver(subscription, told, storage=storage, commit=commit, at=NINE)


async def test_tickets_are_counted_in_their_hour_and_regency(storage: MemoryStorage) -> None:
    await takes(
        storage,
        issued(at=NINE),
        issued(at=NINE.replace(minute=59)),
        issued(at=NINE.replace(hour=2)),
        issued(at=NINE, tenant="badung"),
    )
    counts = {id: tally.tickets for id, tally in storage.aggregates[HourTally].items()}  # type: ignore[attr-defined]
    assert counts == {"muna-barat:2026-11-24T01": 2, "muna-barat:2026-11-24T02": 1, "badung:2026-11-24T01": 1}
    said = [HourCounted.parse(row.body) for row in storage.outbox]
    assert sorted(event.tickets for event in said if event.tenant == "muna-barat") == [1, 1, 2]


async def test_a_ticket_that_comes_twice_counts_once(storage: MemoryStorage) -> None:
    ticket = issued()
    await takes(storage, ticket, ticket)
    await takes(storage, ticket)
    assert [row.version for row in storage.outbox] == [1]
