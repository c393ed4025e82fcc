"""The outbox collection as the relay sees it."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import Timestamp

from gerai.messaging.lease import Lease
from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.outbox import Pending

COUNT_LIMIT = 100_000
AT_ONCE = 250
"""Marks that are made by one command; several go side by side, as one alone leaves the server idle."""
WAITING_INDEX = "waiting"
"""Holds ids, too: those of the rows that wait are read without the rows. Named in the questions, so that no other
index is tried."""
WAITING = {"pending": True}
NEEDED = {"topic": 1, "key": 1, "body": 1, "headers": 1, "position": 1, "created_at": 1}


class MongoOutbox:
    """Implements `Outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pending(
        self, limit: int, *, beyond: Sequence[Pending] = (), resting: Collection[str] = ()
    ) -> list[Pending]:
        where: Document = dict(WAITING)
        if resting:
            where["topic"] = {"$nin": list(resting)}
        if not beyond:
            return _rows(await self._find(where, NEEDED, limit))
        last = max(row.position for row in beyond)
        at_last = [row.id for row in beyond if row.position == last]
        further = {**where, "position": {"$gte": last}, "_id": {"$nin": at_last}}
        found = await self._find(further, NEEDED, limit)
        # as of the same moment: a row that was seen has all earlier ones of its aggregate either there or here
        earlier = {**where, "position": {"$lt": last}}
        before = await self._find(earlier, {"_id": 1}, len(beyond) + 1, at=found["atClusterTime"])
        under_way = {row.id for row in beyond}
        passed_over = any(document["_id"] not in under_way for document in before["firstBatch"])
        return [] if passed_over else _rows(found)

    async def _find(
        self, where: Document, fields: Document, limit: int, *, at: Timestamp | None = None
    ) -> Document:
        """The answer's cursor: the first waiting rows, as of one moment.

        Without a snapshot a long read can pass the place of an event before it is committed and then see its
        successor, which the same transaction committed: the two would leave in the wrong order.
        """
        found = await self._database.command(
            "find",
            "outbox",
            filter=where,
            sort={"position": 1},
            hint=WAITING_INDEX,
            projection=fields,
            limit=limit,
            batchSize=limit,
            singleBatch=True,  # the server ends it at 16 MB, so memory is bounded whatever the rows hold
            readConcern={"level": "snapshot", **({"atClusterTime": at} if at is not None else {})},
        )
        cursor: Document = found["cursor"]
        return cursor

    async def published(self, ids: Sequence[str], lease: Lease) -> None:
        # No transaction around guard and mark, which would cost half as much again: should the lease go over
        # between the two, the mark still says what is true, that the broker has the row.
        await lease.guard()
        done: Document = {"$unset": {"pending": ""}, "$set": {"published_at": datetime.now(UTC)}}
        rows = self._database["outbox"]
        await asyncio.gather(
            *(
                # without the hint the planner may choose the index of pending rows, and scan all that wait
                rows.update_many({"_id": {"$in": ids[first : first + AT_ONCE]}, **WAITING}, done, hint="_id_")
                for first in range(0, len(ids), AT_ONCE)
            )
        )

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


def _rows(cursor: Document) -> list[Pending]:
    return [_pending(document) for document in cursor["firstBatch"]]


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
