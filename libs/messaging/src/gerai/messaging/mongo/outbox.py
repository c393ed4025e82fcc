"""The outbox collection as the relay sees it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.write_concern import WriteConcern

from gerai.messaging.lease import Lease
from gerai.messaging.mongo.driver import SNAPSHOT, Database, Document
from gerai.messaging.outbox import Pending

COUNT_LIMIT = 100_000
WAITING_INDEX = "pending"
"""A question without a bound on `position` does not find this index by itself, and would read the whole outbox."""
WAITING = {"pending": True}


class MongoOutbox:
    """Implements `Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Without a snapshot a long read can pass the place of an event before it is committed and then see its
        # successor, which the same transaction committed: the two would leave in the wrong order.
        self._rows = database["outbox"].with_options(read_concern=SNAPSHOT)
        # Not journaled: a lost mark only means that a row is sent again, which every inbox absorbs. But majority:
        # the next read sees majority-committed state, and would find unmarked rows that were sent already.
        self._marks = database["outbox"].with_options(write_concern=WriteConcern(w="majority", j=False))

    async def pending(
        self, limit: int, *, without: Collection[str] = (), resting: Collection[str] = ()
    ) -> list[Pending]:
        where: Document = dict(WAITING)
        if without:
            where["_id"] = {"$nin": list(without)}
        if resting:
            where["topic"] = {"$nin": list(resting)}
        found = self._rows.find(where, batch_size=limit + 1).sort("position", 1).limit(limit)
        return [_pending(document) for document in await found.to_list(None)]

    async def published(self, ids: Sequence[str], lease: Lease) -> None:
        # No transaction around guard and mark, which would cost half as much again: should the lease go over
        # between the two, the mark still says what is true, that the broker has the row.
        await lease.guard()
        done: Document = {"$unset": {"pending": ""}, "$set": {"published_at": datetime.now(UTC)}}
        # without the hint the planner may choose the index of pending rows, and scan all that wait
        await self._marks.update_many({"_id": {"$in": list(ids)}, **WAITING}, done, hint="_id_")

    async def park(self, row: Pending, reason: str, lease: Lease) -> None:
        await lease.guard()
        rows = self._database["outbox"]
        document = await rows.find_one({"_id": row.id})
        if document is not None:
            replacement: dict[str, Any] = {**document, "reason": reason}
            await self._database["outbox_parked"].replace_one({"_id": row.id}, replacement, upsert=True)
        await rows.update_one({"_id": row.id}, {"$unset": {"pending": ""}, "$set": {"parked": True}})

    async def backlog(self) -> int:
        rows = self._database["outbox"]
        return int(await rows.count_documents(WAITING, limit=COUNT_LIMIT, hint=WAITING_INDEX))

    async def oldest(self) -> datetime | None:
        first = await self._database["outbox"].find_one(WAITING, {"created_at": 1}, sort=[("position", 1)])
        return first["created_at"] if first else None


def _pending(document: Document) -> Pending:
    key = document["key"]
    return Pending(
        id=document["_id"],
        topic=document["topic"],
        key=key.encode() if isinstance(key, str) else key,
        body=document["body"],
        headers={
            name: value.encode() if isinstance(value, str) else value
            for name, value in document["headers"].items()
        },
        position=document["position"],
        created_at=document["created_at"],
    )
