"""Waiting for something that will become true, with a reason to read when it does not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]],
    holds: Callable[[T], bool],
    *,
    because: str,
    within: float = 15.0,
    every: float = 0.05,
) -> T:
    """Look again and again until what is seen `holds`; returns it. Fails with `because` and the last sight."""
    ends = time.monotonic() + within
    while True:
        try:
            seen: T | Exception = await look()
        except (OSError, TimeoutError) as error:  # a process that is on its way up refuses connections
            seen = error
        if not isinstance(seen, Exception) and holds(seen):
            return seen
        if time.monotonic() > ends:
            raise AssertionError(f"not within {within:g} s: {because}; last seen: {seen!r}")
        await asyncio.sleep(every)
