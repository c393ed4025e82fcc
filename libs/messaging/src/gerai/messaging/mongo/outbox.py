"""The outbox collection as the relay sees it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from gerai.messaging.lease import Lease
from gerai.messaging.mongo.driver import SNAPSHOT, Database, Document, Session
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
        done: Document = {"$unset": {"pending": ""}, "$set": {"published_at": datetime.now(UTC)}}

        async def mark(session: Session) -> None:
            await lease.guard(session)
            marked = {"_id": {"$in": list(ids)}, **WAITING}
            # without the hint the planner may choose the index of pending rows, and scan all that wait
            await self._database["outbox"].update_many(marked, done, hint="_id_", session=session)

        await self._database.transaction(mark)

    async def park(self, row: Pending, reason: str, lease: Lease) -> None:
        async def set_aside(session: Session) -> None:
            await lease.guard(session)
            rows, parked = self._database["outbox"], self._database["outbox_parked"]
            document = await rows.find_one({"_id": row.id}, session=session)
            if document is not None:
                replacement: dict[str, Any] = {**document, "reason": reason}
                await parked.replace_one({"_id": row.id}, replacement, upsert=True, session=session)
            waiting_no_more = {"$unset": {"pending": ""}, "$set": {"parked": True}}
            await rows.update_one({"_id": row.id}, waiting_no_more, session=session)

        await self._database.transaction(set_aside)

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
