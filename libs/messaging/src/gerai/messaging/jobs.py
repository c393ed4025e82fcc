"""The worker of jobs: leases them, performs them outside any transaction, and completes each exactly once.

See `job` for what a job is and what holds.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from gerai.messaging import metrics
from gerai.messaging.context import Context
from gerai.messaging.failures import OUTSIDE, is_away
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Failed, Job, JobCounts, JobQueue, JobRow, Outcome, Result, TryAgain, Unknown
from gerai.messaging.storage import JobGone
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

POLL_S = 0.25
AWAY_PAUSE_S = 1.0
MEASURE_EVERY_S = 5.0
COMPLETION_S = 60.0
"""A lease holds for the kind's deadline and this: time to complete the job, or to write down why not."""
STUCK_S = 240.0
"""Longer than the driver goes on with one transaction while the store is away: that passes by itself."""
ERROR_LIMIT = 300
NONE = JobCounts(waiting=0, held=0, due_for_s=0.0)


class WhenUnknown(StrEnum):
    """What is done where nobody knows whether the outside acted. Each kind decides; there is no default."""

    PERFORM_AGAIN = "perform_again"
    """The outside recognises the idempotency key, or twice does no harm."""
    COMPLETE = "complete"
    """The completion is told `Unknown`, and decides: for example to ask the outside with another job."""
    HOLD = "hold"
    """A person decides: the job rests until an operator releases or completes it."""


class Completion(Protocol):
    """The use case that ends a job: runs in one transaction with the row's removal, and may run again before it takes
    effect."""

    async def __call__(self, job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None: ...


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """How jobs of one name are performed and completed."""

    name: str
    perform: Callable[[JobRow], Awaitable[Outcome]]
    """Talks to the outside. Cancelled when `deadline` is over; that is an unknown outcome."""
    complete: Completion
    when_unknown: WhenUnknown
    deadline: timedelta = timedelta(seconds=30)
    at_once: int = 8
    """So many at the same time in one process."""
    per_second: float | None = None
    """Over all processes; None: as fast as they are done."""
    attempts: int = 12
    """After so many the job is completed as `Failed("gave_up")`."""
    first_pause: timedelta = timedelta(seconds=1)
    longest_pause: timedelta = timedelta(minutes=15)


class Jobs:
    """`run` until cancelled; on any number of processes."""

    def __init__(
        self,
        queue: JobQueue,
        kinds: Sequence[JobKind],
        *,
        commit: GroupCommit,
        now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._kinds = kinds
        self._commit = commit
        self._now = now
        self._woken = {kind.name: asyncio.Event() for kind in kinds}
        self._turned = dict.fromkeys(self._woken, time.monotonic())

    def wake(self) -> None:
        """Something was committed in this process: look for jobs at once."""
        for woken in self._woken.values():
            woken.set()

    def progress(self) -> Mapping[str, str]:
        """Liveness: each kind's loop turns."""
        now = time.monotonic()
        silent = {name: now - turned for name, turned in self._turned.items()}
        return {f"jobs {name}": f"silent for {s:.0f} s" for name, s in silent.items() if s > STUCK_S}

    async def run(self) -> None:
        self._turned = dict.fromkeys(self._woken, time.monotonic())
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._measure(), name="jobs measuring")
            for kind in self._kinds:
                loops.create_task(self._run_kind(kind), name=f"jobs {kind.name}")

    async def _run_kind(self, kind: JobKind) -> None:
        """Keep up to `at_once` jobs under way."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._turned[kind.name] = time.monotonic()
                self._woken[kind.name].clear()
                free = kind.at_once - len(under_way)
                leased = await self._lease(kind, free) if free else []
                for job in leased:
                    under_way.add(asyncio.create_task(self._handle(kind, job), name=f"job {kind.name}"))
                if len(leased) < free or not free:
                    await self._until_something_happens(kind, under_way)
                for ended in [task for task in under_way if task.done()]:
                    under_way.discard(ended)
                    ended.result()
        finally:
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.wait(under_way)

    async def _until_something_happens(self, kind: JobKind, under_way: set[asyncio.Task[None]]) -> None:
        """A job ended, something was committed, or it is time to look again."""
        waking = asyncio.create_task(self._woken[kind.name].wait())
        try:
            await asyncio.wait({waking, *under_way}, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()

    async def _lease(self, kind: JobKind, free: int) -> list[Job]:
        seconds = kind.deadline.total_seconds() + COMPLETION_S
        try:
            return await self._queue.lease(kind.name, free, seconds=seconds, per_second=kind.per_second)
        except OUTSIDE as error:
            log.warning("jobs-wait", kind=kind.name, error=repr(error)[:ERROR_LIMIT])
            await asyncio.sleep(AWAY_PAUSE_S)
            return []

    async def _handle(self, kind: JobKind, job: Job) -> None:
        """One job, from its lease to its end, or to its next try. Raises nothing but its own cancellation."""
        outcome = await self._outcome_of(kind, job)
        try:
            match outcome:
                case TryAgain(reason=reason, after=after):
                    pause = after if after is not None else _pause(kind, job.attempts)
                    await self._queue.put_back(job, after=pause, error=reason[:ERROR_LIMIT])
                case Unknown(reason=reason) if kind.when_unknown is WhenUnknown.HOLD:
                    await self._hold(kind, job, reason)
                case _:
                    await self._complete(kind, job, outcome)
        except OUTSIDE as error:
            # the row is as it was; when its lease has run out it is taken over
            log.warning("job-not-written", job=job.row.id, error=repr(error)[:ERROR_LIMIT])
        metrics.JOBS_ENDED.labels(kind.name, type(outcome).__name__).inc()

    async def _outcome_of(self, kind: JobKind, job: Job) -> Outcome:
        """What the attempt ended with, as this kind takes it."""
        if job.result is not None:
            return job.result
        repeats = kind.when_unknown is WhenUnknown.PERFORM_AGAIN
        if job.interrupted and not repeats:
            return Unknown(reason="the worker ended before there was an outcome")
        if job.attempts > kind.attempts:
            # its last attempt had no outcome either: it may be the job itself that ends its workers
            return Unknown(reason="too many attempts without an outcome")
        outcome = await self._perform(kind, job)
        is_last = job.attempts >= kind.attempts
        match outcome:
            case TryAgain() if is_last:
                return Failed(code="gave_up")
            case Unknown(reason=reason) if repeats and not is_last:
                return TryAgain(reason=reason)
            case _:
                return outcome

    async def _perform(self, kind: JobKind, job: Job) -> Outcome:
        try:
            async with asyncio.timeout(kind.deadline.total_seconds()):
                return await kind.perform(job.row)
        except TimeoutError:
            log.warning("job-out-of-time", job=job.row.id, attempts=job.attempts)
            return Unknown(reason="no answer within the deadline")
        except Exception as error:
            log.error("job-failed", job=job.row.id, attempts=job.attempts, exc_info=error)
            return Unknown(reason=repr(error)[:ERROR_LIMIT])

    async def _complete(self, kind: JobKind, job: Job, result: Result) -> None:
        """Write what the job's end means. While the store is away this waits in place: performing the job again
        because of that would be the worse choice."""
        at = self._now()

        async def command(uow: UnitOfWork) -> None:
            uow.complete_job(job)
            await kind.complete(job.row, result, uow=uow, at=at)

        context = Context(
            tenant=None,
            actor=f"job:{kind.name}",
            correlation_id=job.row.correlation_id,
            traceparent=job.row.traceparent,
        )
        while True:
            try:
                await self._commit.execute(command, context=context)
                return
            except JobGone:
                log.info("job-taken-over", job=job.row.id)
                return
            except Exception as error:  # noqa: BLE001  whatever it is: it was performed, and is not performed again
                if not is_away(error):
                    await self._completion_failed(kind, job, result, error)
                    return
                log.warning("job-completion-waits", job=job.row.id, error=repr(error)[:ERROR_LIMIT])
                await asyncio.sleep(AWAY_PAUSE_S)

    async def _completion_failed(self, kind: JobKind, job: Job, result: Result, error: Exception) -> None:
        log.error("job-completion-failed", job=job.row.id, attempts=job.attempts, exc_info=error)
        reason = f"completion: {error!r}"[:ERROR_LIMIT]
        if job.result is not None and job.attempts >= 2 * kind.attempts:
            await self._hold(kind, job, reason)
        else:
            await self._queue.keep_result(job, result, after=_pause(kind, job.attempts), error=reason)

    async def _hold(self, kind: JobKind, job: Job, reason: str) -> None:
        log.error("job-held", job=job.row.id, reason=reason)
        await self._queue.hold(job, error=reason[:ERROR_LIMIT])

    async def _measure(self) -> None:
        while True:
            try:
                counts = await self._queue.counts()
            except OUTSIDE as error:
                log.warning("jobs-not-counted", error=repr(error)[:ERROR_LIMIT])
            else:
                for kind in self._kinds:
                    _tell(kind.name, counts.get(kind.name, NONE))
            await asyncio.sleep(MEASURE_EVERY_S)


def _tell(kind: str, counts: JobCounts) -> None:
    metrics.JOBS_WAITING.labels(kind).set(counts.waiting)
    metrics.JOBS_HELD.labels(kind).set(counts.held)
    metrics.JOBS_OLDEST.labels(kind).set(counts.due_for_s)


def _pause(kind: JobKind, attempts: int) -> timedelta:
    """Doubled with each attempt, and scattered, so that what failed together is not tried together."""
    longest: timedelta = min(kind.first_pause * 2 ** min(attempts - 1, 20), kind.longest_pause)
    return longest * random.uniform(0.5, 1.0)
