"""An office that wants jobs, the bank that performs them, and workers between the two."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from messaging_builders import NOON, Jar, context

from gerai.chassis.testing import eventually
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Done, JobRow, Outcome, Result
from gerai.messaging.jobs import COMPLETION_S, JobKind, Jobs, WhenUnknown
from gerai.messaging.memory.jobs import MemoryJobQueue
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import UnitOfWork

LEASE = timedelta(seconds=30 + COMPLETION_S + 1)
"""After this a lease of the office's kind is over."""

Bank = Callable[[JobRow], Awaitable[Outcome]]


class Office:
    """A store with a bank outside it: `bank` says what the bank does, `asked` how often it was asked under which
    idempotency key, `told` what the completions were told."""

    def __init__(self, storage: MemoryStorage | None = None) -> None:
        self.storage = storage or MemoryStorage()
        self.queue = MemoryJobQueue(self.storage.jobs)
        self.bank: Bank = self._pays
        self.asked: Counter[str] = Counter()
        self.order: list[str] = []
        self.told: list[tuple[str, Result]] = []
        self.kind = JobKind(
            name="pay",
            perform=self._perform,
            complete=self._complete,
            when_unknown=WhenUnknown.HOLD,
            first_pause=timedelta(seconds=10),
        )

    async def _pays(self, job: JobRow) -> Outcome:
        return Done(answer={"receipt": f"for {job.key}"})

    async def _perform(self, job: JobRow) -> Outcome:
        self.asked[job.idempotency_key] += 1
        self.order.append(job.key)
        return await self.bank(job)

    async def _complete(self, job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None:
        jar = await uow.find_or_add(Jar(id=job.key, tenant=job.tenant, room=1_000_000))
        jar.fill()
        self.told.append((job.key, result))

    async def wants(self, *keys: str, kind: str = "pay", **more: Any) -> None:
        async def want(uow: UnitOfWork) -> None:
            for key in keys:
                uow.want_job(kind, key, tenant="muna-barat", **more)

        async with GroupCommit(self.storage, source="test") as commit:
            await commit.execute(want, context=context())

    @asynccontextmanager
    async def working(self, *kinds: JobKind) -> AsyncIterator[Jobs]:
        async with GroupCommit(self.storage, source="test") as commit:
            jobs = Jobs(self.queue, kinds or [self.kind], commit=commit, now=lambda: NOON)
            task = asyncio.create_task(jobs.run())
            try:
                yield jobs
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def works_until(self, holds: Callable[[], bool], because: str, *kinds: JobKind) -> None:
        async def look() -> bool:
            return holds()

        async with self.working(*kinds):
            await eventually(look, bool, because=because, every=0.001)

    def later(self, seconds: float | timedelta) -> None:
        self.storage.jobs.now += seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)

    @property
    def rows(self) -> int:
        return len(self.storage.jobs.rows)

    def row(self, key: str) -> Any:
        return self.storage.jobs.rows[f"pay:{key}"]


def breaks() -> Bank:
    async def bank(job: JobRow) -> Outcome:
        raise ConnectionResetError("the line broke")

    return bank


def hangs() -> Bank:
    async def bank(job: JobRow) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    return bank


def answers(*outcomes: Outcome) -> Bank:
    """One after the other; the last one for ever."""
    left = list(outcomes)

    async def bank(job: JobRow) -> Outcome:
        return left.pop(0) if len(left) > 1 else left[0]

    return bank
