"""Two replicas serve one desk: what one remembers of it is behind, and decides nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from queue_builders import MORNING, Hall, catalogue, minutes

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.recall_ticket import recall_ticket
from gerai.queue.use_cases.return_ticket import return_ticket
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.when_day_ended_expire_tickets import when_day_ended_expire_tickets

EVENING = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


class Interrupted(MemoryStorage):
    """Something happens elsewhere just before the tickets of a day are looked for."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def select(self, selections: Any) -> list[list[Any]]:
        if (meanwhile := self.meanwhile) is not None and any("local_day" in one.where for one in selections):
            self.meanwhile = None
            await meanwhile()
        return await super().select(selections)


@pytest.fixture
async def replicas() -> AsyncIterator[tuple[Hall, Hall]]:
    storage = Interrupted()
    async with (
        GroupCommit(storage, source="/gerai/queue") as one,
        GroupCommit(storage, source="/gerai/queue") as other,
    ):
        yield Hall(storage, one, catalogue()), Hall(storage, other, catalogue())


async def end_the_day(hall: Hall) -> None:
    (timer,) = hall.storage.timers.values()

    async def fire(uow: Any) -> None:
        uow.complete_timer(timer)
        await when_day_ended_expire_tickets(timer, uow=uow, at=EVENING, catalogue=hall.catalogue)

    await hall.does(fire)


def session(hall: Hall) -> DeskSession:
    return hall.storage.aggregates[DeskSession]["loket-1"]


@pytest.mark.parametrize("step", [recall_ticket, start_serving])
async def test_a_desk_works_on_its_own_ticket(replicas: tuple[Hall, Hall], step: Callable[..., Any]):
    one, other = replicas
    await one.opens("loket-1", "loket-2")
    first, second = [await other.issues("nib") for _ in range(2)]
    assert (await one.calls("loket-1", at=MORNING + minutes(10))).id == first.id  # which `one` remembers
    await other.takes(return_ticket, "loket-1", at=MORNING + minutes(11), reason=None)
    assert (await other.calls("loket-1", at=MORNING + minutes(12))).id == second.id
    assert (await other.calls("loket-2", at=MORNING + minutes(17))).id == first.id
    assert (await one.takes(step, "loket-1", at=MORNING + minutes(18))).id == second.id


async def test_the_end_of_the_day_frees_a_desk_that_another_replica_has_used_since(
    replicas: tuple[Hall, Hall],
):
    one, other = replicas
    for _ in range(2):
        await other.issues("nib")
    await one.opens("loket-1")
    await one.calls("loket-1")
    await other.takes(start_serving, "loket-1", at=MORNING + minutes(11))
    await other.takes(finish_ticket, "loket-1", at=MORNING + minutes(12))
    called = await other.calls("loket-1", at=MORNING + minutes(13))
    await end_the_day(one)
    assert (await one.sees(called.id)).state == "expired"
    assert session(one).ticket_id is None


async def test_the_end_of_the_day_frees_a_desk_that_calls_while_its_group_reads(
    replicas: tuple[Hall, Hall],
):
    one, other = replicas
    await other.opens("loket-1")
    for _ in range(2):
        await other.issues("nib")
    await other.calls("loket-1")
    await other.takes(start_serving, "loket-1", at=EVENING - minutes(5))

    async def the_next_is_called() -> None:
        await other.takes(finish_ticket, "loket-1", at=EVENING - minutes(1))
        await other.calls("loket-1", at=EVENING)

    one.storage.meanwhile = the_next_is_called
    # a member of the timer's group reads the desk before
    click = one.takes(recall_ticket, "loket-1", at=EVENING)
    await asyncio.gather(click, end_the_day(one), return_exceptions=True)
    assert session(one).ticket_id is None
