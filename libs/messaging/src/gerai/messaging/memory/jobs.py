"""The twin of `mongo.jobs`: rows in a dictionary, and time as the test says."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gerai.messaging.job import HeldJob, Job, JobCounts, JobRow, Result


@dataclass
class StoredJob:
    """A row of the twin."""

    row: JobRow
    retry_at: datetime
    wanted_at: datetime
    attempts: int = 0
    token: str | None = None
    begun: bool = False
    uncertain: bool = False
    is_held: bool = False
    result: Result | None = None
    error: str = ""


@dataclass
class StoredJobs:
    """What a `MemoryStorage` holds of jobs, and the store's clock."""

    now: datetime = datetime(2026, 11, 24, tzinfo=UTC)
    rows: dict[str, StoredJob] = field(default_factory=dict)
    resting: set[str] = field(default_factory=set)
    allowances: dict[str, tuple[float, datetime]] = field(default_factory=dict)

    def want(self, row: JobRow) -> None:
        if row.id not in self.rows:
            self.rows[row.id] = StoredJob(row, retry_at=row.not_before or self.now, wanted_at=self.now)

    def is_leased(self, job: Job) -> bool:
        stored = self.rows.get(job.row.id)
        return stored is not None and stored.token == job.token


class MemoryJobQueue:
    """Implements `JobQueue`."""

    def __init__(self, jobs: StoredJobs) -> None:
        self._jobs = jobs

    async def lease(
        self,
        kind: str,
        limit: int,
        *,
        seconds: float,
        per_second: float | None = None,
        without: Collection[str] = (),
    ) -> list[Job]:
        if kind in self._jobs.resting:
            return []
        waiting = [one for one in self._of(kind) if not one.is_held and one.row.id not in without]
        due = [one for one in waiting if one.retry_at <= self._jobs.now]
        due.sort(key=lambda one: (one.row.priority, one.retry_at))
        due = due[:limit]
        leased = due[: self._allowed(kind, len(due), per_second)]
        return [self._lease(one, seconds) for one in leased]

    def _lease(self, stored: StoredJob, seconds: float) -> Job:
        stored.uncertain = stored.uncertain or stored.begun
        stored.begun = False
        stored.token = uuid.uuid4().hex
        stored.attempts += 1
        stored.retry_at = self._jobs.now + timedelta(seconds=seconds)
        return Job(
            row=replace(stored.row, not_before=None),
            attempts=stored.attempts,
            token=stored.token,
            uncertain=stored.uncertain and stored.result is None,
            result=stored.result,
        )

    async def begin(self, jobs: Sequence[Job]) -> list[Job]:
        ours = [job for job in jobs if self._jobs.is_leased(job)]
        for job in ours:
            self._jobs.rows[job.row.id].begun = True
        return ours

    def _allowed(self, kind: str, wanted: int, per_second: float | None) -> int:
        if per_second is None or not wanted:
            return wanted
        most = max(1.0, per_second)
        allowance, counted_at = self._jobs.allowances.get(kind, (most, self._jobs.now))
        grown = allowance + (self._jobs.now - counted_at).total_seconds() * per_second
        granted = min(wanted, int(min(most, grown)))
        self._jobs.allowances[kind] = (min(most, grown) - granted, self._jobs.now)
        return granted

    async def put_back(self, job: Job, *, after: timedelta, error: str, uncertain: bool = False) -> None:
        if (stored := self._mine(job)) is not None:
            stored.error, stored.uncertain = error, stored.uncertain or uncertain
            stored.retry_at = self._jobs.now + after

    async def keep_result(self, job: Job, result: Result, *, after: timedelta, error: str) -> None:
        if (stored := self._mine(job)) is not None:
            stored.error, stored.result = error, result
            stored.retry_at = self._jobs.now + after

    async def hold(self, job: Job, *, error: str) -> None:
        if (stored := self._mine(job)) is not None:
            stored.error, stored.retry_at = error, self._jobs.now
            stored.is_held = job.result is not None or stored.result is None

    async def report(self, job: Job, result: Result) -> None:
        stored = self._jobs.rows.get(job.row.id)
        if stored is None or stored.result is not None:
            return
        if stored.row.idempotency_key == job.row.idempotency_key:
            stored.result = result
            stored.retry_at = self._jobs.now if stored.is_held else stored.retry_at
            stored.is_held = False

    def _mine(self, job: Job) -> StoredJob | None:
        """The row, its lease given up, if the lease is the job's."""
        stored = self._jobs.rows.get(job.row.id)
        if stored is None or stored.token != job.token:
            return None
        stored.token, stored.begun = None, False
        return stored

    async def counts(self, kind: str) -> JobCounts:
        waiting = [one for one in self._of(kind) if not one.is_held]
        due = [one.retry_at for one in waiting if one.retry_at <= self._jobs.now]
        held = len(self._of(kind)) - len(waiting)
        due_for = self._jobs.now - min(due, default=self._jobs.now)
        return JobCounts(waiting=len(waiting), held=held, due_for_s=due_for.total_seconds())

    async def kinds(self) -> frozenset[str]:
        return frozenset(stored.row.kind for stored in self._jobs.rows.values())

    async def held(self, kind: str, limit: int) -> list[HeldJob]:
        held = sorted((one for one in self._of(kind) if one.is_held), key=lambda one: one.wanted_at)
        return [
            HeldJob(id=one.row.id, attempts=one.attempts, error=one.error, wanted_at=one.wanted_at)
            for one in held[:limit]
        ]

    async def release(self, id: str) -> bool:
        stored = self._released(id)
        if stored is not None:
            stored.uncertain = False
        return stored is not None

    async def settle(self, id: str, result: Result) -> bool:
        stored = self._released(id)
        if stored is not None:
            stored.result = result
        return stored is not None

    def _released(self, id: str) -> StoredJob | None:
        stored = self._jobs.rows.get(id)
        if stored is None or not stored.is_held:
            return None
        stored.is_held, stored.attempts, stored.retry_at = False, 0, self._jobs.now
        return stored

    async def rest(self, kind: str) -> None:
        self._jobs.resting.add(kind)

    async def resume(self, kind: str) -> None:
        self._jobs.resting.discard(kind)

    def _of(self, kind: str) -> list[StoredJob]:
        return [stored for stored in self._jobs.rows.values() if stored.row.kind == kind]
