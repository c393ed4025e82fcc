"""A regency's large requests, one by one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

WAITING = 32
"""So many of a regency may wait for their turn."""


class TooManyAtOnce(Exception):
    """The regency has too many waiting."""


class OneByOne:
    """Each regency has one at a time in this process, the others wait for it: they would only take the processor from
    each other, and from everybody else. Two regencies do not wait for each other."""

    def __init__(self) -> None:
        self._turns: dict[str | None, tuple[asyncio.Lock, int]] = {}
        """Of those that have any: whose turn it is, and how many there are."""

    @asynccontextmanager
    async def turn(self, tenant: str | None) -> AsyncIterator[None]:
        """Raises TooManyAtOnce."""
        lock, count = self._turns.get(tenant, (asyncio.Lock(), 0))
        if count > WAITING:
            raise TooManyAtOnce
        self._turns[tenant] = (lock, count + 1)
        try:
            async with lock:
                yield
        finally:
            lock, count = self._turns.pop(tenant)
            if count > 1:
                self._turns[tenant] = (lock, count - 1)
