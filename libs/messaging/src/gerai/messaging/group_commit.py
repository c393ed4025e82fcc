"""Group commit: commands that arrive together are committed together.

A majority transaction costs about the same for one command as for fifty. While one group commits, the
next gathers; nobody waits to fill a group. Within a group commands run one after the other in memory, so
those on the same aggregate see each other; a refused one drops out alone; a group that cannot be written
is read again and retried, then in halves, so that one bad member does not hurt the others.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.refusal import Refusal, UnableToRepeat
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Conflict, Once, Storage, StoredAnswer
from gerai.messaging.unit_of_work import Gathering, UnitOfWork

log = structlog.get_logger(__name__)

Command = Callable[[UnitOfWork], Awaitable[StoredAnswer | None]]
"""Runs a use case on the unit of work given and says what to answer. It must have no other side effect: it may
run again."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a command will read; the group fetches it for all its members at once. A hint, never a promise."""

    aggregates: Sequence[tuple[type[Aggregate], str]] = ()
    selections: Sequence[Selection[Any]] = ()


NOTHING = Needs()


class StoreBusy(Exception):
    """The group kept conflicting or the store is out of reach; nothing was acknowledged. Retrying is safe."""


@dataclass(eq=False)
class _Member:
    command: Command
    context: Context
    once: Once | None
    needs: Needs
    answer: "asyncio.Future[StoredAnswer | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class GroupCommit:
    """The one way to change state. One per process and database; start with `async with`."""

    def __init__(
        self,
        storage: Storage,
        *,
        source: str,
        group_limit: int = 64,
        waiting_limit: int = 2_000,
        attempts: int = 12,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._source = source
        self._group_limit = group_limit
        self._waiting_limit = waiting_limit
        self._attempts = attempts
        self._on_commit = on_commit
        self._waiting: deque[_Member] = deque()
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "GroupCommit":
        self._task = asyncio.create_task(self._work(), name="group-commit")
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was accepted is finished before this returns."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    async def execute(
        self, command: Command, *, context: Context, once: Once | None = None, needs: Needs = NOTHING
    ) -> StoredAnswer | None:
        """Run a command and return its answer after its changes are durable.

        Under a `once` key that was used before, the first answer is returned and nothing runs.
        Raises what the command raised (Refusal, …) with nothing changed; StoreBusy when it could not be
        written, or when too many commands wait.
        """
        if self._closing or len(self._waiting) >= self._waiting_limit:
            raise StoreBusy("too many commands are waiting")
        member = _Member(command, context, once, needs)
        self._waiting.append(member)
        self._arrived.set()
        return await member.answer

    async def _work(self) -> None:
        while not (self._closing and not self._waiting):
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group_limit))]
            try:
                await self._settle(group)
            except Exception as error:  # noqa: BLE001  the loop must go on; each waiting caller gets the error
                log.error("group-failed", error=repr(error), size=len(group))
                _fail(group, error)

    async def _settle(self, group: list[_Member]) -> None:
        """Write the group, retrying; in halves where retrying together does not help."""
        group = [member for member in group if not member.answer.done()]
        for attempt in range(self._attempts):
            try:
                await self._attempt(group)
                return
            except Conflict:
                if attempt >= 3 and len(group) > 1:
                    break
                await asyncio.sleep(random.uniform(0, min(0.002 * 2**attempt, 0.1)))
            except _Unwritable as error:
                if len(group) == 1:
                    _fail(group, error.cause)
                    return
                break
        else:
            _fail(group, StoreBusy("the same data kept changing"))
            return
        half = len(group) // 2
        await self._settle(group[:half])
        await self._settle(group[half:])

    async def _attempt(self, group: list[_Member]) -> None:
        gathering = Gathering(self._storage)
        known = await self._storage.answers([member.once for member in group if member.once])
        await gathering.load(identity for member in group for identity in member.needs.aggregates)
        await gathering.run([one for member in group for one in member.needs.selections])
        outcomes: list[tuple[_Member, StoredAnswer | None, Exception | None]] = []
        for member in group:
            outcomes.append((member, *await self._run(member, gathering, known)))
        batch = gathering.sealed()
        if not batch.is_empty():
            try:
                await self._storage.commit(batch)
            except Conflict:
                raise
            except Exception as error:
                raise _Unwritable(error) from error
            self._on_commit()
        for member, answer, error in outcomes:
            with contextlib.suppress(asyncio.InvalidStateError):  # the caller went away meanwhile
                member.answer.set_exception(error) if error else member.answer.set_result(answer)

    async def _run(
        self, member: _Member, gathering: Gathering, known: dict[str, StoredAnswer]
    ) -> tuple[StoredAnswer | None, Exception | None]:
        once = member.once
        if once is not None and (earlier := known.get(once.key)) is not None:
            if earlier.fingerprint != once.fingerprint:
                return None, UnableToRepeat("idempotency_key_reused", field="Idempotency-Key")
            return earlier, None
        unit = UnitOfWork(gathering, member.context, source=self._source)
        try:
            answer = await member.command(unit)
        except Refusal as refusal:
            return None, refusal
        unit.join()
        if once is not None:
            kept = answer or StoredAnswer(fingerprint=once.fingerprint, body=b"")
            known[once.key] = kept
            gathering.batch.once.append((once, kept))
        return answer, None


class _Unwritable(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__(repr(cause))
        self.cause = cause


def _fail(group: list[_Member], error: Exception) -> None:
    for member in group:
        if not member.answer.done():
            member.answer.set_exception(error)
