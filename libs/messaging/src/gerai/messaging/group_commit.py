"""Group commit: commands that arrive together are committed together.

A majority transaction costs about the same for one command as for fifty. While one group commits, the next gathers;
nobody waits to fill a group, but while a group reads it takes in who comes. Within a group commands run one after the
other in memory, so those on the same aggregate see each other; a refused one drops out alone; a group that cannot be
written is read again and retried, then in halves, so that one bad member does not hurt the others.

The pieces: `command_queue` (who waits, who comes next), `group_attempt` (one try: read, run, write), `trusted_memory`
(what is remembered, and when it may be relied on), `conflicts` (when another try is of use). Here is the order of tries.
Decision 7 has the table of what holds, and which test guards it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

import structlog

from gerai.messaging.command_queue import CommandQueue
from gerai.messaging.conflicts import Resistance
from gerai.messaging.context import Context
from gerai.messaging.failures import is_away
from gerai.messaging.group_attempt import GroupAttempt, StoreFailed
from gerai.messaging.member import NOTHING as NOTHING
from gerai.messaging.member import Command as Command
from gerai.messaging.member import Member
from gerai.messaging.member import Needs as Needs
from gerai.messaging.storage import Conflict, IdempotencyKey, Storage, StoreBusy, StoredAnswer, Unstorable
from gerai.messaging.trusted_memory import TrustedMemory

log = structlog.get_logger(__name__)

STUCK_S = 240.0
"""Longer than the driver retries one transaction."""


class GroupCommit:
    """The one way to change state. One per process and database; start with `async with`."""

    def __init__(
        self,
        storage: Storage,
        *,
        source: str,
        group_limit: int = 64,
        waiting_limit: int = 2_000,
        flow_limit: int = 1_000,
        attempts: int = 25,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """`group_limit`: what the members of a group weigh together; one that weighs more is written alone.
        `waiting_limit`, `flow_limit`: commands that may wait, of all and of one regency."""
        self._attempts = attempts
        self._queue = CommandQueue(
            group_limit=group_limit, waiting_limit=waiting_limit, flow_limit=flow_limit
        )
        self._memory = TrustedMemory()
        self._attempt = GroupAttempt(storage, self._queue, self._memory, source=source, on_commit=on_commit)
        self._moved = time.monotonic()
        self._in_hand: list[Member] = []
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "GroupCommit":
        self._task = asyncio.create_task(self._work(), name="group-commit")
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was accepted is finished before this returns."""
        self._closing = True
        self._queue.wake()
        if self._task is not None:
            await self._task

    def progress(self) -> Mapping[str, str]:
        """Liveness: groups come and go while anybody waits for an answer."""
        silent, wait = time.monotonic() - self._moved, len(self._in_hand) + len(self._queue)
        stuck = wait and silent > STUCK_S
        return {"group-commit": f"{wait} wait, nothing moved for {silent:.0f} s"} if stuck else {}

    async def execute(
        self,
        command: Command,
        *,
        context: Context,
        idempotency_key: IdempotencyKey | None = None,
        needs: Needs = NOTHING,
    ) -> StoredAnswer | None:
        """Run a command and return its answer after its changes are durable.

        Under an idempotency key that was used before, the first answer is returned and nothing runs.
        Raises, with nothing changed: what the command raised (Refusal, …); the refusal of a declared unique index, or
        KeyTaken where none is declared; Contended; TooManyWaiting when the caller's regency has too many commands
        waiting; Unstorable; the driver's error.
        """
        if self._closing:
            raise StoreBusy("the process is about to stop")
        _check_names(idempotency_key, needs)
        if not self._in_hand and not self._queue:  # that nothing moved before was no sign of anything
            self._moved = time.monotonic()
        flow = (context.tenant, "" if context.tenant is not None else context.actor)
        member = Member(command, context, idempotency_key, needs, flow, needs.weight)
        self._queue.put(member)
        return await member.answer

    async def _work(self) -> None:
        while not (self._closing and not self._queue):
            if not self._queue:
                await self._queue.until_woken()
                continue
            self._moved = time.monotonic()
            group = self._in_hand = await self._queue.gather([])
            try:
                await self._settle(group, trusting=self._memory.is_trusted(), is_open=True)
            except Exception as error:  # noqa: BLE001  the loop must go on; each waiting caller gets the error
                log.error("group-failed", error=repr(error), size=len(group))
                _fail(group, error)
            self._in_hand = []

    async def _settle(self, group: list[Member], *, trusting: bool, is_open: bool = False) -> None:
        """Write the group, retrying; in halves where retrying together does not help.

        A trusting attempt reads less: it takes warm aggregates from memory and does not look idempotency keys up; an
        outcome of it that nothing guards is only believed after fresh reads. Who was overtaken waits about as long as a
        commit takes, and the winner is through. A store that is away fails everybody at once: they would only wait for it
        one after the other.
        """
        resistance = Resistance()
        for attempt in range(self._attempts):
            try:
                doubtful = await self._attempt.once(
                    group, resistance.unseen, trusting=trusting, is_open=is_open and attempt == 0
                )
            except Conflict as conflict:
                self._memory.distrust()
                resistance.met(conflict, afresh=not trusting)
                if resistance.is_final(alone=len(group) == 1):
                    break
                if not trusting:
                    await asyncio.sleep(random.uniform(0.2, 1.5) * self._attempt.commit_s)
                trusting = False
            except StoreFailed as error:
                if len(group) == 1 or is_away(error.cause):
                    _fail(group, error.cause)
                    return
                break
            else:
                if doubtful:
                    await self._settle(doubtful, trusting=False)
                return
        if len(group) == 1:
            _fail(group, resistance.told())
            return
        half = len(group) // 2
        await self._settle(group[:half], trusting=False)
        await self._settle(group[half:], trusting=False)


def _fail(group: list[Member], error: Exception) -> None:
    for member in group:
        member.fail(error)


def _check_names(idempotency_key: IdempotencyKey | None, needs: Needs) -> None:
    """A group reads all its members' names in one question; one that no question can hold is refused before it waits.
    Raises Unstorable."""
    try:
        if idempotency_key is not None:
            idempotency_key.key.encode()
        for _, id in (*needs.aggregates, *needs.afresh):
            id.encode()
    except UnicodeEncodeError:
        raise Unstorable("an idempotency key or an id is not Unicode text") from None
