"""The worker of jobs: leases them, performs them outside any transaction, and completes each exactly once.

See `job` for what a job is and what holds.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from gerai.messaging import metrics
from gerai.messaging.command import needs_of
from gerai.messaging.context import Context
from gerai.messaging.dead_letters import storable_text
from gerai.messaging.failures import OUTSIDE, is_away, is_nobodys_fault
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import (
    Done,
    Failed,
    Job,
    JobCounts,
    JobQueue,
    JobRow,
    Outcome,
    Result,
    TryAgain,
    Unknown,
)
from gerai.messaging.storage import JobGone
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

POLL_S = 0.25
AWAY_PAUSE_S = 1.0
MEASURE_EVERY_S = 15.0
COMPLETION_S = 60.0
"""A lease holds for the kind's deadline and this: time to complete the job, or to write down why not."""
STUCK_S = 240.0
"""Longer than the driver goes on with one transaction while the store is away: that passes by itself."""
ERROR_LIMIT = 300
ANSWER_LIMIT = 64 * 1024
STOP_S = 15.0
"""Shorter than the time in which a process must have stopped."""


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
        self._unhandled: set[str] = set()
        """Kinds without a handler here, which were reported."""

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
        under_way: dict[asyncio.Task[None], str] = {}
        try:
            while True:
                self._woken[kind.name].clear()
                free = kind.at_once - len(under_way)
                leased = await self._lease(kind, free, without=under_way.values()) if free else []
                for job in leased:
                    task = asyncio.create_task(self._handle(kind, job), name=f"job {kind.name}")
                    under_way[task] = job.row.id
                if len(leased) < free or not free:
                    await self._until_something_happens(kind, under_way)
                under_way = {task: id for task, id in under_way.items() if not task.done()}
        finally:
            await _ended(under_way)

    async def _until_something_happens(self, kind: JobKind, under_way: Iterable[asyncio.Task[None]]) -> None:
        """A job ended, something was committed, or it is time to look again."""
        waking = asyncio.create_task(self._woken[kind.name].wait())
        try:
            await asyncio.wait({waking, *under_way}, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()

    async def _lease(self, kind: JobKind, free: int, *, without: Collection[str]) -> list[Job]:
        """`without`: what is under way here. A completion that waits for the store holds on longer than its lease, and
        must not be overtaken by its own process."""
        seconds = kind.deadline.total_seconds() + COMPLETION_S
        try:
            leased = await self._queue.lease(
                kind.name, free, seconds=seconds, per_second=kind.per_second, without=without
            )
            begun = await self._queue.begin([job for job in leased if job.result is None])
        except OUTSIDE as error:
            if is_nobodys_fault(error):
                self._turned[kind.name] = time.monotonic()
            log.warning("jobs-wait", kind=kind.name, error=_told(error))
            await asyncio.sleep(AWAY_PAUSE_S)
            return []
        self._turned[kind.name] = time.monotonic()
        return [job for job in leased if job.result is not None] + begun

    async def _handle(self, kind: JobKind, job: Job) -> None:
        """One job, from its lease to its end, or to its next try. Raises nothing but its own cancellation: one job must
        not end the worker, which would only hand it on to the next."""
        outcome = await self._outcome_of(kind, job)
        try:
            match outcome:
                case TryAgain(reason=reason, after=after):
                    pause = after if after is not None else _pause(kind, job.attempts)
                    await self._queue.put_back(job, after=pause, error=_cut(reason))
                case Unknown(reason=reason) if kind.when_unknown is WhenUnknown.HOLD:
                    await self._hold(job, reason)
                case Unknown(reason=reason) if self._performs_again(kind, job):
                    pause = _pause(kind, job.attempts)
                    await self._queue.put_back(job, after=pause, error=_cut(reason), uncertain=True)
                case _:
                    await self._complete(kind, job, outcome)
        except Exception as error:  # noqa: BLE001  the row is as it was: when its lease is over it is leased again
            log.error("job-not-written", job=job.row.id, error=_told(error))
        metrics.JOBS_ENDED.labels(kind.name, type(outcome).__name__).inc()

    def _performs_again(self, kind: JobKind, job: Job) -> bool:
        return kind.when_unknown is WhenUnknown.PERFORM_AGAIN and job.attempts < kind.attempts

    async def _outcome_of(self, kind: JobKind, job: Job) -> Outcome:
        if job.result is not None:
            return job.result
        if job.uncertain and kind.when_unknown is not WhenUnknown.PERFORM_AGAIN:
            return Unknown(reason="the worker ended before there was an outcome")
        if job.attempts > kind.attempts:  # the job itself may be what ends its workers
            return _given_up(job, "too many attempts without an outcome")
        outcome = await self._perform(kind, job)
        if isinstance(outcome, TryAgain) and job.attempts >= kind.attempts:
            return _given_up(job, outcome.reason)
        return outcome

    async def _perform(self, kind: JobKind, job: Job) -> Outcome:
        try:
            async with asyncio.timeout(kind.deadline.total_seconds()):
                return _storable(await kind.perform(job.row))
        except TimeoutError:
            log.warning("job-out-of-time", job=job.row.id, attempts=job.attempts)
            return Unknown(reason="no answer within the deadline")
        except Exception as error:
            log.error("job-failed", job=job.row.id, attempts=job.attempts, exc_info=error)
            return Unknown(reason=_told(error))

    async def _complete(self, kind: JobKind, job: Job, result: Result) -> None:
        """Write what the job's end means. While the store is away this waits in place: performing the job again
        because of that would be the worse choice."""
        at = self._now()

        async def command(uow: UnitOfWork) -> None:
            uow.complete_job(job)
            await kind.complete(job.row, result, uow=uow, at=at)

        context = Context(
            tenant=job.row.tenant,
            actor=f"job:{kind.name}",
            correlation_id=job.row.correlation_id,
            traceparent=job.row.traceparent,
        )
        while True:
            try:
                needs = needs_of(kind.complete, (job.row, result), {}, tenant=context.tenant, at=at)
                await self._commit.execute(command, context=context, needs=needs)
                return
            except JobGone:
                await self._lost(job, result)
                return
            except Exception as error:  # noqa: BLE001  whatever it is: it was performed, and is not performed again
                if not is_away(error):
                    await self._completion_failed(kind, job, result, error)
                    return
                log.warning("job-completion-waits", job=job.row.id, error=_told(error))
                await asyncio.sleep(AWAY_PAUSE_S)

    async def _lost(self, job: Job, result: Result) -> None:
        """The lease was over before the result was written. Whoever has the job now cannot know the result."""
        log.warning("job-taken-over", job=job.row.id)
        if not isinstance(result, Unknown) and job.result is None:
            await self._queue.report(job, result)

    async def _completion_failed(self, kind: JobKind, job: Job, result: Result, error: Exception) -> None:
        log.error("job-completion-failed", job=job.row.id, attempts=job.attempts, exc_info=error)
        reason = f"completion: {_told(error)}"
        if job.result is not None and job.attempts >= 2 * kind.attempts:
            await self._hold(job, reason)
        else:
            await self._queue.keep_result(job, result, after=_pause(kind, job.attempts), error=_cut(reason))

    async def _hold(self, job: Job, reason: str) -> None:
        log.error("job-held", job=job.row.id, reason=_cut(reason))
        await self._queue.hold(job, error=_cut(reason))

    async def _measure(self) -> None:
        """Tell what waits, and once of each kind that nobody here handles: its jobs wait for a version that does."""
        while True:
            try:
                for kind in self._kinds:
                    _tell(kind.name, await self._queue.counts(kind.name))
                for name in await self._queue.kinds() - self._woken.keys() - self._unhandled:
                    self._unhandled.add(name)
                    metrics.JOBS_ENDED.labels(name, "NoHandler").inc()
                    log.error("jobs-without-handler", kind=name)
            except OUTSIDE as error:
                log.warning("jobs-not-counted", error=_told(error))
            await asyncio.sleep(MEASURE_EVERY_S)


async def _ended(under_way: Collection[asyncio.Task[None]]) -> None:
    """The process stops: what is under way may end by itself for a while, since what is broken off leaves an unknown
    outcome behind."""
    if not under_way:
        return
    _, broken_off = await asyncio.wait(under_way, timeout=STOP_S)
    for task in broken_off:
        task.cancel()
    if broken_off:
        await asyncio.wait(broken_off)


def _given_up(job: Job, reason: str) -> Result:
    return Unknown(reason=reason) if job.uncertain else Failed(code="gave_up")


def _storable(outcome: Outcome) -> Outcome:
    """The outside's texts as the store can hold them, and no more than it should."""
    match outcome:
        case Done(answer=answer):
            texts = {storable_text(str(name)): storable_text(str(text)) for name, text in answer.items()}
            if sum(len(name) + len(text) for name, text in texts.items()) > ANSWER_LIMIT:
                raise ValueError(f"an answer of more than {ANSWER_LIMIT} characters")
            return Done(answer=texts)
        case Failed(code=code):
            return Failed(code=_cut(code))
        case Unknown(reason=reason):
            return Unknown(reason=_cut(reason))
        case TryAgain():
            return outcome


def _cut(text: str) -> str:
    return storable_text(text)[:ERROR_LIMIT]


def _told(error: Exception) -> str:
    return _cut(repr(error))


def _tell(kind: str, counts: JobCounts) -> None:
    metrics.JOBS_WAITING.labels(kind).set(counts.waiting)
    metrics.JOBS_HELD.labels(kind).set(counts.held)
    metrics.JOBS_OLDEST.labels(kind).set(counts.due_for_s)


def _pause(kind: JobKind, attempts: int) -> timedelta:
    """Doubled with each attempt, and scattered, so that what failed together is not tried together."""
    longest: timedelta = min(kind.first_pause * 2 ** min(attempts - 1, 20), kind.longest_pause)
    return longest * random.uniform(0.5, 1.0)
