"""Jobs: work that talks to the outside (a bank, a signer, a mail server), wanted by a command and done after it.

A command must not talk to the outside: it shares its transaction with others, and it may run again. So it writes a
job's row with its own transaction. A worker leases the row, performs the job outside any transaction, and completes it
with a use case, in one transaction that also deletes the row. See `jobs` for the worker.

What holds: a job is performed at least once and completed exactly once. It may be performed more than once, because a
worker can die after the outside has acted; `Job.idempotency_key` stays the same then, so that the outside can tell.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol, TypeAlias

JOB_WAITING = "waiting"
JOB_HELD = "held"
"""States of a row: to be leased when it is due, or for an operator."""


class Priority(IntEnum):
    """Which of the waiting jobs of one kind is performed first."""

    URGENT = 0
    NORMAL = 1
    BULK = 2


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """A job as the command that wants it writes it. Wanting the same id again changes nothing while the row stands."""

    id: str
    """"<kind>:<key>", e.g. "send-sms:<delivery id>"."""
    kind: str
    key: str
    tenant: str
    payload: Mapping[str, str] = field(default_factory=dict)
    """References, not content: no personal data."""
    priority: Priority = Priority.NORMAL
    not_before: datetime | None = None
    """Real time, UTC; None: at once."""
    idempotency_key: str
    """Fixed here, so that the outside sees the same one with each attempt."""
    correlation_id: str
    traceparent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job that this worker has leased."""

    row: JobRow
    attempts: int
    """This attempt counted: 1, 2, …"""
    token: str
    """Of the lease; completing without it changes nothing."""
    uncertain: bool = False
    """True: an earlier attempt may have reached the outside, and nobody knows what it did there."""
    result: "Result | None" = None
    """Set where it was performed before, and only its completion is missing: it is not performed again."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """The outside did it."""

    answer: Mapping[str, str] = field(default_factory=dict)
    """What the completion needs of the outside's answer; no personal data."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The outside refused for good: trying again would be refused again."""

    code: str


@dataclass(frozen=True, kw_only=True)
class TryAgain:
    """The outside certainly did nothing, and may do it later."""

    reason: str
    after: timedelta | None = None
    """None: the kind's own back-off."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """The line broke, or time was over, after something may have been sent: whether the outside acted is unknown."""

    reason: str


Result: TypeAlias = Done | Failed | Unknown
"""What a completion is told."""
Outcome: TypeAlias = Result | TryAgain
"""What performing a job ends with. An exception counts as `Unknown`: it does not say what the outside did."""


class JobQueue(Protocol):
    """The rows of one store. Leases run by the store's own time, so that no process's clock matters."""

    async def lease(
        self,
        kind: str,
        limit: int,
        *,
        seconds: float,
        per_second: float | None = None,
        without: Collection[str] = (),
    ) -> list[Job]:
        """Take up to `limit` jobs that are due, by priority, then by how long they have been due; nobody else gets them
        for `seconds`. Fewer where `per_second` (over all processes) allows no more now; none while the kind rests.
        `without`: ids to leave alone."""
        ...

    async def begin(self, jobs: Sequence[Job]) -> list[Job]:
        """They are performed from now on; returns those whose lease is still held, and only these may be. One that is
        leased again without having begun was certainly not performed."""
        ...

    async def put_back(self, job: Job, *, after: timedelta, error: str, uncertain: bool = False) -> None:
        """It is tried again later. `uncertain`: this attempt may have reached the outside. Nothing happens where the
        lease has gone over to another worker; the same holds for `keep_result` and `hold`."""
        ...

    async def keep_result(self, job: Job, result: Result, *, after: timedelta, error: str) -> None:
        """It was performed, and its completion failed: only that is tried again."""
        ...

    async def hold(self, job: Job, *, error: str) -> None:
        """It waits for an operator; or for its completion, if its result has become known meanwhile."""
        ...

    async def report(self, job: Job, result: Result) -> None:
        """A worker that lost its lease knows the result: whoever has the job now is to complete it with that, where no
        result is known yet. A job that was held because nobody knew is completed then."""
        ...

    async def counts(self, kind: str) -> "JobCounts": ...

    async def kinds(self) -> frozenset[str]:
        """All kinds that have jobs, handled or not."""
        ...

    async def held(self, kind: str, limit: int) -> list["HeldJob"]:
        """What waits for an operator, oldest first."""
        ...

    async def release(self, id: str) -> bool:
        """Take a held job up again, its attempts counted anew: one that was performed is only completed. False: no such
        job is held."""
        ...

    async def settle(self, id: str, result: Result) -> bool:
        """An operator knows what became of a held job: it is completed with that. False: no such job is held."""
        ...

    async def rest(self, kind: str) -> None:
        """Lease no jobs of this kind, in any process, until `resume`. Those under way are ended."""
        ...

    async def resume(self, kind: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class JobCounts:
    """How many jobs of a kind there are."""

    waiting: int
    """Due or not, and those under way."""
    held: int
    due_for_s: float
    """For how long the one that is due longest has been due, in seconds; 0 where none is due."""


@dataclass(frozen=True, kw_only=True)
class HeldJob:
    id: str
    attempts: int
    error: str
    wanted_at: datetime
