"""A lease: of all processes at most one does a job, and another takes over when it goes silent."""

from typing import Protocol


class Lease(Protocol):
    """One process's claim. Time is the store's, so that no process's clock matters."""

    async def hold(self) -> bool:
        """Take the lease or renew it. False: another process has it."""
        ...

    async def still_mine(self) -> bool:
        """Whether the store still names this process; asked before each write-back."""
        ...

    async def release(self) -> None:
        """Give it up at once, so that nobody waits for it to run out."""
        ...
