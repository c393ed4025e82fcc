"""The figure of jobs: what waits is performed and completed."""

import asyncio
from datetime import UTC, datetime

import psutil

from bench.bare import bare_loop
from bench.figure import Figure
from bench.flow import FLAT_MB, Counter
from bench.processors import Stretch
from gerai.messaging.context import Context
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Done, JobRow, Outcome, Result
from gerai.messaging.jobs import JobKind, Jobs, WhenUnknown
from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.jobs import MongoJobQueue
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.unit_of_work import UnitOfWork
from local.platform import Platform

WAITING = 10_000
WANTED_AT_ONCE = 250
AT_ONCE = 64


async def jobs(platform: Platform, yardstick: Database, driver: Driver) -> Figure:
    """10,000 waiting jobs with a trivial effect through one worker, against the bare loop."""
    bare = await bare_loop(yardstick, tasks=64, seconds=4)
    database = connect(platform.mongodb_uri, "bench_jobs", driver=driver)
    storage = MongoStorage(database)
    await storage.prepare()
    async with GroupCommit(storage, source="/gerai/bench") as commit:
        for first in range(0, WAITING, WANTED_AT_ONCE):
            await _want(commit, range(first, first + WANTED_AT_ONCE))
        memory = [_resident()]
        stretch = Stretch(platform).begin()
        await _work_off(database, commit, memory)
        stretch.end()
    again = await bare_loop(yardstick, tasks=64, seconds=4)
    total = sum([counter["seen"] async for counter in database["bench_counters"].find({})])
    await database.drop()
    await database.close()
    rate = (bare.per_second + again.per_second) / 2
    is_good = total == WAITING and max(memory) - memory[0] <= FLAT_MB
    return Figure(
        id="jobs",
        value=WAITING / stretch.seconds / rate if is_good else 0.0,
        unit="× bare loop",
        detail=f"{WAITING / stretch.seconds:.0f} jobs/s, {total} effects of {WAITING}; bare {rate:.0f}/s; "
        f"memory {memory[0]:.0f} → at most {max(memory):.0f} MB; {stretch.per(WAITING)}",
    )


async def _want(commit: GroupCommit, numbers: range) -> None:
    async def want(uow: UnitOfWork) -> None:
        for number in numbers:
            uow.want_job("bench", f"{number:05d}", tenant="bench")

    await commit.execute(want, context=Context(tenant="bench", actor="bench", correlation_id="bench"))


async def _work_off(database: Database, commit: GroupCommit, memory: list[float]) -> None:
    async def perform(job: JobRow) -> Outcome:
        return Done()

    async def complete(job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None:
        counter = await uow.find_or_add(Counter(id=job.key[-2:], tenant="bench"))
        counter.seen += 1

    kind = JobKind(
        name="bench",
        perform=perform,
        complete=complete,
        when_unknown=WhenUnknown.PERFORM_AGAIN,
        at_once=AT_ONCE,
    )
    worker = Jobs(MongoJobQueue(database), [kind], commit=commit, now=lambda: datetime.now(UTC))
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(180):
            while await database["jobs"].estimated_document_count():
                memory.append(_resident())
                await asyncio.sleep(0.1)
    finally:
        task.cancel()
        await asyncio.wait([task])


def _resident() -> float:
    megabytes: float = psutil.Process().memory_info().rss / 1e6
    return megabytes
