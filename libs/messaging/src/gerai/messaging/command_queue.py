"""The commands that wait for a group, and how a group takes them in."""

import asyncio
from collections.abc import Sequence

from gerai.messaging.fair_queue import FairQueue, QueueFull
from gerai.messaging.member import Member
from gerai.messaging.storage import TooManyWaiting

QUIET_TURNS = 2
"""Turns of the loop that bring nobody: then nobody is about to come."""
WORTH_ASKING = 10
"""Start reading once this many have arrived; whoever comes later is read beside them."""


class CommandQueue:
    """Bounded; who comes next is decided by regency and weight (`fair_queue`)."""

    def __init__(self, *, group_limit: int, waiting_limit: int, flow_limit: int) -> None:
        self._group_limit = group_limit
        self._waiting: FairQueue[Member] = FairQueue(limit=waiting_limit, flow_limit=flow_limit)
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, member: Member) -> None:
        """Raises TooManyWaiting; the one who has to give up a place for it gets the same as its answer."""
        try:
            given_up = self._waiting.put(member)
        except QueueFull:
            raise TooManyWaiting from None
        if given_up is not None:
            given_up.fail(TooManyWaiting())
        self.wake()

    def put_back(self, members: Sequence[Member]) -> None:
        """They were taken, and there was no room for them after all: they are next."""
        self._waiting.put_back(members)

    def wake(self) -> None:
        """Whoever waits in `until_woken` goes on."""
        self._arrived.set()

    async def until_woken(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    async def gather(self, group: Sequence[Member]) -> list[Member]:
        """Who waits, and who is about to: requests come in bursts, and while the turns of the loop bring some they are
        taken in, as many as are worth a question of their own."""
        seen, quiet, most = 0, 0, min(self._room(group), WORTH_ASKING)
        while quiet < QUIET_TURNS and len(self._waiting) < most:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)
        return self.take(group)

    def take(self, group: Sequence[Member]) -> list[Member]:
        """Who comes next and fits in the group, without those whose callers have gone away."""
        taken = self._waiting.take(self._room(group), is_empty=not group)
        return [member for member in taken if not member.answer.done()]

    def _room(self, group: Sequence[Member]) -> int:
        return self._group_limit - sum([member.weight for member in group])
