"""Lines for looking at: one reading for many, and none without who asks."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from queue_builders import Hall, catalogue

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.adapters.lines import CachedLines
from gerai.queue.domain.ticket import Ticket


class SlowStorage(MemoryStorage):
    """What it was asked for takes a while to arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.reading = asyncio.Event()
        self.arrives = asyncio.Event()

    async def select(self, selections):
        found = await super().select(selections)
        if selections[0].kind is Ticket:
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
    earlier = asyncio.create_task(lines.of("dpmptsp"))
    await storage.reading.wait()
    late = await slow_hall.sees((await slow_hall.issues("nib")).id)

    async def it_arrives() -> None:
        storage.arrives.set()

    told, _ = await asyncio.gather(lines.of("dpmptsp", fresh_for=late), it_arrives())
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
    assert (await lines.of("dpmptsp", fresh_for=waiting)).waiting == []
    assert storage.readings - before <= 2
