"""What many ask for at once is read once, but never before they asked."""

import asyncio

import pytest

from gerai.queue.adapters.shared_reading import SharedReading


class Clockwork:
    """Each reading begins at its own time and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.reading = asyncio.Event()
        self.go_on = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        mine = self.begun
        self.reading.set()
        await self.go_on.wait()
        return mine


async def test_all_who_ask_before_a_reading_begins_share_it():
    clockwork, shared = Clockwork(), SharedReading[int]()
    asking = [asyncio.create_task(shared.get(clockwork.read)) for _ in range(200)]
    clockwork.go_on.set()
    assert set(await asyncio.gather(*asking)) == {1}


async def test_who_asks_while_a_reading_goes_on_gets_the_next_one():
    clockwork, shared = Clockwork(), SharedReading[int]()
    early = asyncio.create_task(shared.get(clockwork.read))
    await clockwork.reading.wait()
    late = [asyncio.create_task(shared.get(clockwork.read)) for _ in range(200)]
    await asyncio.sleep(0)
    assert clockwork.begun == 1
    clockwork.go_on.set()
    assert (await early, set(await asyncio.gather(*late))) == (1, {2})


async def test_a_failed_reading_fails_those_who_shared_it_and_nobody_else():
    shared = SharedReading[int]()

    async def fails() -> int:
        raise OSError("planted")

    async def works() -> int:
        return 7

    with pytest.raises(OSError, match="planted"):
        await shared.get(fails)
    assert await shared.get(works) == 7


async def test_one_who_goes_away_does_not_take_the_reading_along():
    clockwork, shared = Clockwork(), SharedReading[int]()
    leaving, staying = (asyncio.create_task(shared.get(clockwork.read)) for _ in range(2))
    await clockwork.reading.wait()
    leaving.cancel()
    clockwork.go_on.set()
    assert await staying == 1
