"""One reading for all who ask for the same thing at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedReading(Generic[T]):
    """What is given was read after it was asked for: who comes while a reading goes on shares the next one.

    Two hundred displays that come back at once get two readings, not two hundred.
    """

    def __init__(self) -> None:
        self._current: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self, read: Callable[[], Awaitable[T]]) -> T:
        """`read` does the same whoever gives it. Raises what it raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._current, read), name="shared reading")
        return await asyncio.shield(self._next)

    async def _after(self, current: "asyncio.Task[T] | None", read: Callable[[], Awaitable[T]]) -> T:
        if current is not None:
            await asyncio.wait([current])
        self._current, self._next = self._next, None
        return await read()
