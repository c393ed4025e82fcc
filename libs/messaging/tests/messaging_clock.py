"""Real loops under a clock that goes on when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import ModuleType

from gerai.chassis.testing import eventually
from gerai.messaging.kafka.subscriber import Subscriber
from gerai.messaging.outbox import Pending, Published, Publisher
from gerai.messaging.relay import Relay
from gerai.messaging.timers import Timers


class Clock:
    """In the place of a module's `time`: goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Freezing:
    """A publisher that stands still before its first rows, as a process does that is stopped, until `thaw`."""

    def __init__(self, inner: Publisher) -> None:
        self._inner = inner
        self.frozen, self.thaw = asyncio.Event(), asyncio.Event()
        self.closed = False

    async def publish(self, rows: Sequence[Pending], *, left: Callable[[], float]) -> Published:
        self.frozen.set()
        await self.thaw.wait()
        return await self._inner.publish(rows, left=left)

    async def close(self) -> None:
        self.closed = True
        await self._inner.close()


def more_than_enough(clock: Clock, module: ModuleType) -> None:
    """Goes by: a little longer than this loop may take for a step."""
    clock.now += module.STUCK_S + 1


async def more(count: Callable[[], int], times: int = 2) -> None:
    """The loop has turned since now: two more counts are one whole turn at least."""

    async def look() -> int:
        return count()

    until = count() + times
    await eventually(look, lambda seen: seen >= until, because="the loop turns")


@asynccontextmanager
async def running(loop: Relay | Subscriber | Timers) -> AsyncIterator[None]:
    task = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
