"""A lease: of all processes at most one does a job, and another takes over when it goes silent."""

import time
from typing import Protocol

import structlog

from gerai.messaging.failures import OUTSIDE

log = structlog.get_logger(__name__)

RENEWALS = 5
"""In the time that a lease holds."""


class LeaseLost(Exception):
    """Another process does the job now. What was to be written was not written."""


class Lease(Protocol):
    """One process's claim, by token. Time is the store's, so that no process's clock matters."""

    seconds: float
    """How long it holds after it was taken or renewed."""

    async def hold(self) -> bool:
        """Take the lease or renew it. False: another process has it."""
        ...

    async def guard(self) -> None:
        """Right before a write that only the holder should do; it renews the lease, too. Raises LeaseLost."""
        ...

    async def release(self) -> None:
        """Give it up at once, so that nobody waits for it to run out."""
        ...


class HeldLease:
    """Holds a lease with few round trips: it is renewed when it has become old, not before every step."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._renewed = float("-inf")

    async def holds(self) -> bool:
        asked = time.monotonic()
        if asked - self._renewed > self._lease.seconds / RENEWALS:
            if not await self._lease.hold():
                return False
            self._renewed = asked
        return True

    def left(self) -> float:
        """Seconds for which certainly nobody else has it, counted from before the store was asked: for what no token
        can guard. A process that was frozen finds here that it is late."""
        return self._renewed + self._lease.seconds - time.monotonic()

    def lost(self) -> None:
        """Ask the store the next time."""
        self._renewed = float("-inf")


async def released(lease: Lease) -> None:
    """When the work ends. Where the store is away the lease runs out by itself."""
    try:
        await lease.release()
    except OUTSIDE as error:
        log.warning("lease-not-released", error=repr(error)[:300])
