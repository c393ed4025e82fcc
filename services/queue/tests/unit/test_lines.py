"""Lines for looking at: one reading for many, and none without who asks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from queue_builders import MORNING, TODAY, Hall, catalogue, minutes

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.adapters import lines as adapter
from gerai.queue.adapters.lines import CachedLines
from gerai.queue.domain.rules import Overnight, Rules
from gerai.queue.domain.ticket_in_line import TicketInLine
from gerai.queue.use_cases.show_board import show_board
from gerai.queue.use_cases.show_desk import show_desk
from gerai.queue.use_cases.show_visit import show_visit
from gerai.register.testing import TENANT, desk


class SlowStorage(MemoryStorage):
    """What it was asked for takes a while to arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.reading = asyncio.Event()
        self.arrives = asyncio.Event()

    async def select(self, selections):
        found = await super().select(selections)
        if selections[0].kind is TicketInLine:
            self.readings += 1
            self.reading.set()
            await self.arrives.wait()
        return found


@pytest.fixture
async def slow_hall() -> AsyncIterator[Hall]:
    storage = SlowStorage()
    async with GroupCommit(storage, source="/gerai/queue") as commit:
        yield Hall(storage, commit, catalogue())


async def test_who_came_while_the_line_was_being_read_is_in_what_they_are_told(slow_hall: Hall):
    storage, lines = slow_hall.storage, CachedLines(slow_hall.storage)
    await slow_hall.issues("nib")
    earlier = asyncio.create_task(lines.of("dpmptsp", tenant=TENANT))
    await storage.reading.wait()
    late = await slow_hall.sees((await slow_hall.issues("nib")).id)

    async def it_arrives() -> None:
        storage.arrives.set()

    told, _ = await asyncio.gather(lines.of("dpmptsp", tenant=TENANT, fresh_for=late), it_arrives())
    assert late.id in {one.id for one in told.waiting}
    assert len((await earlier).waiting) == 1
    assert storage.readings == 2


async def test_who_has_left_the_line_does_not_have_it_read_for_ever(slow_hall: Hall):
    storage, lines = slow_hall.storage, CachedLines(slow_hall.storage)
    storage.arrives.set()
    waiting = await slow_hall.sees((await slow_hall.issues("nib")).id)
    await slow_hall.opens("loket-1")
    await slow_hall.calls("loket-1")
    before = storage.readings
    assert (await lines.of("dpmptsp", tenant=TENANT, fresh_for=waiting)).waiting == []
    assert storage.readings - before <= 2


MANY = 600


class TestALongLine:
    """A counter before which hundreds wait, all but a few of them for one service."""

    async def come(self, hall: Hall) -> CachedLines:
        await asyncio.gather(*(hall.issues("nib", at=MORNING) for _ in range(MANY)))
        return CachedLines(hall.storage)

    async def test_tells_a_priority_visitor_who_came_last_the_truth(self, hall: Hall):
        lines = await self.come(hall)
        late = await hall.issues("nib", at=MORNING + minutes(1), priority=True)
        at = MORNING + minutes(2)
        seen = await show_visit(await hall.sees(late.id), lines=lines, at=at, catalogue=hall.catalogue)
        assert (seen.people_before, seen.position) == (0, 1)
        await hall.opens("loket-1")
        assert (await hall.calls("loket-1", at=at)).id == late.id

    async def test_tells_those_of_another_service_the_truth(self, hall: Hall):
        hall.catalogue = catalogue(desk("loket-1", "nib"), desk("loket-2", "nib"), desk("loket-3", "izin"))
        lines = await self.come(hall)
        few = [await hall.issues("izin", at=MORNING + minutes(number)) for number in range(1, 5)]
        last = await hall.sees(few[-1].id)
        seen = await show_visit(last, lines=lines, at=MORNING + minutes(6), catalogue=hall.catalogue)
        shown = await show_desk("loket-3", uow=hall.queries, lines=lines, catalogue=hall.catalogue)
        assert (seen.people_before, shown.waiting) == (3, 4)


async def test_who_has_just_come_is_known_though_many_of_the_other_class_wait(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(adapter, "LONGEST_LINE", 10)
    for number in range(12):
        await hall.issues("nib", priority=number % 2 == 0)
    lines = CachedLines(hall.storage)
    await lines.of("dpmptsp", tenant=TENANT)  # what is told for a moment
    late = await hall.sees((await hall.issues("nib", priority=True)).id)
    told = await lines.of("dpmptsp", tenant=TENANT, fresh_for=late)
    assert late.id in {one.id for one in told.waiting}


async def test_the_board_dates_a_number_of_another_day(hall: Hall):
    hall.catalogue = catalogue(rules=Rules(overnight=Overnight.KEEP))
    await hall.issues("nib", at=MORNING)
    tomorrow = MORNING + timedelta(days=1)
    await hall.issues("nib", at=tomorrow)
    lines = CachedLines(hall.storage)
    board = await show_board("mpp", uow=hall.queries, lines=lines, at=tomorrow, catalogue=hall.catalogue)
    (counter,) = (one for one in board.counters if one.counter_id == "dpmptsp")
    assert [(one.number, one.local_day) for one in counter.next] == [("A-001", TODAY), ("A-001", None)]
