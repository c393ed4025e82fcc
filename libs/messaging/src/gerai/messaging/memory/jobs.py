"""The twin of `mongo.jobs`: rows in a dictionary, and time as the test says."""

import uuid
from collections.abc import Mapping
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
    interrupted: bool = False
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
        self, kind: str, limit: int, *, seconds: float, per_second: float | None = None
    ) -> list[Job]:
        if kind in self._jobs.resting:
            return []
        due = [one for one in self._of(kind) if not one.is_held and one.retry_at <= self._jobs.now]
        due.sort(key=lambda one: (one.row.priority, one.retry_at))
        due = due[:limit]
        leased = due[: self._allowed(kind, len(due), per_second)]
        return [self._lease(one, seconds) for one in leased]

    def _lease(self, stored: StoredJob, seconds: float) -> Job:
        stored.interrupted = stored.interrupted or stored.token is not None
        stored.token = uuid.uuid4().hex
        stored.attempts += 1
        stored.retry_at = self._jobs.now + timedelta(seconds=seconds)
        return Job(
            row=replace(stored.row, not_before=None),
            attempts=stored.attempts,
            token=stored.token,
            interrupted=stored.interrupted and stored.result is None,
            result=stored.result,
        )

    def _allowed(self, kind: str, wanted: int, per_second: float | None) -> int:
        if per_second is None or not wanted:
            return wanted
        most = max(1.0, per_second)
        allowance, counted_at = self._jobs.allowances.get(kind, (most, self._jobs.now))
        grown = allowance + (self._jobs.now - counted_at).total_seconds() * per_second
        granted = min(wanted, int(min(most, grown)))
        self._jobs.allowances[kind] = (min(most, grown) - granted, self._jobs.now)
        return granted

    async def put_back(self, job: Job, *, after: timedelta, error: str) -> None:
        if (stored := self._mine(job)) is not None:
            stored.error, stored.interrupted = error, False
            stored.retry_at = self._jobs.now + after

    async def keep_result(self, job: Job, result: Result, *, after: timedelta, error: str) -> None:
        if (stored := self._mine(job)) is not None:
            stored.error, stored.result = error, result
            stored.retry_at = self._jobs.now + after

    async def hold(self, job: Job, *, error: str) -> None:
        if (stored := self._mine(job)) is not None:
            stored.error, stored.is_held = error, True

    def _mine(self, job: Job) -> StoredJob | None:
        """The row, its lease given up, if the lease is the job's."""
        stored = self._jobs.rows.get(job.row.id)
        if stored is None or stored.token != job.token:
            return None
        stored.token = None
        return stored

    async def counts(self) -> Mapping[str, JobCounts]:
        kinds = {stored.row.kind for stored in self._jobs.rows.values()}
        return {kind: self._count(kind) for kind in kinds}

    def _count(self, kind: str) -> JobCounts:
        waiting = [one for one in self._of(kind) if not one.is_held]
        due = [one.retry_at for one in waiting if one.retry_at <= self._jobs.now]
        held = len(self._of(kind)) - len(waiting)
        due_for = self._jobs.now - min(due, default=self._jobs.now)
        return JobCounts(waiting=len(waiting), held=held, due_for_s=due_for.total_seconds())

    async def held(self, kind: str, limit: int) -> list[HeldJob]:
        held = sorted((one for one in self._of(kind) if one.is_held), key=lambda one: one.wanted_at)
        return [
            HeldJob(id=one.row.id, attempts=one.attempts, error=one.error, wanted_at=one.wanted_at)
            for one in held[:limit]
        ]

    async def release(self, id: str) -> bool:
        stored = self._jobs.rows.get(id)
        if stored is None or not stored.is_held:
            return False
        stored.is_held, stored.interrupted = False, False
        stored.attempts, stored.retry_at = 0, self._jobs.now
        return True

    async def rest(self, kind: str) -> None:
        self._jobs.resting.add(kind)

    async def resume(self, kind: str) -> None:
        self._jobs.resting.discard(kind)

    def _of(self, kind: str) -> list[StoredJob]:
        return [stored for stored in self._jobs.rows.values() if stored.row.kind == kind]
