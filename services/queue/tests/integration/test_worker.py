"""The worker's side on the real parts: the end of the day by its timer, the register from its topics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from queue_builders import MORNING, Hall, catalogue, minutes

from gerai.chassis.testing import eventually
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.messaging.timers import Timers
from gerai.queue.use_cases import when_day_ended_expire_tickets as day

EVENING = MORNING + minutes(7 * 60 + 30)
"""An hour after closing."""


@contextlib.asynccontextmanager
async def worker(database: Database, at) -> AsyncIterator[None]:
    """A worker process's timers."""
    known = catalogue()

    async def end_day(timer, *, uow, at) -> None:
        await day.when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=known)

    async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
        timers = Timers(
            MongoDueTimers(database),
            {"end-of-day": end_day},
            commit=commit,
            lease=MongoLease(database, "timers"),
            now=lambda: at,
        )
        task = asyncio.create_task(timers.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def states(database: Database) -> dict[str, int]:
    found = await database.aggregate("tickets", [{"$group": {"_id": "$state", "count": {"$sum": 1}}}])
    return {one["_id"]: one["count"] for one in found}


async def test_the_day_ends_once_though_every_process_was_down_when_it_did(database: Database, monkeypatch):
    monkeypatch.setattr(day, "STEP", 50)
    async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
        hall = Hall(MongoStorage(database), commit, catalogue())
        await asyncio.gather(*(hall.issues("nib") for _ in range(120)))
    async with worker(database, EVENING - timedelta(minutes=1)):
        assert await states(database) == {"waiting": 120}
    late = EVENING + timedelta(hours=9)
    async with worker(database, late), worker(database, late):
        await eventually(
            lambda: states(database), lambda seen: seen == {"expired": 120}, because="the day is over"
        )
        await eventually(
            lambda: database["timers"].count_documents({}), lambda count: count == 0, because="it is done"
        )
    told = await database["outbox"].count_documents({"type": "queue.ticket-expired.v1"})
    assert told == 120
