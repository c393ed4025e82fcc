"""The outbox collection as the relay sees it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo.write_concern import WriteConcern

from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.outbox import Pending

COUNT_LIMIT = 100_000


class MongoOutbox:
    """Implements `Outbox`."""

    def __init__(self, database: Database) -> None:
        self._rows = database["outbox"]
        # Not journaled: a lost mark only means that a row is sent again, which every inbox absorbs. But majority:
        # the next read sees majority-committed state, and would find unmarked rows that were sent already.
        self._marks = self._rows.with_options(write_concern=WriteConcern(w="majority", j=False))
        self._parked = database["outbox_parked"]

    async def pending(self, limit: int) -> list[Pending]:
        found = await self._rows.find({"pending": True}).sort("position", 1).limit(limit).to_list(None)
        return [_pending(document) for document in found]

    async def published(self, ids: Sequence[str]) -> None:
        await self._marks.update_many(
            {"_id": {"$in": list(ids)}, "pending": True},
            {"$unset": {"pending": ""}, "$set": {"published_at": datetime.now(UTC)}},
        )

    async def park(self, row: Pending, reason: str) -> None:
        document = await self._rows.find_one({"_id": row.id})
        if document is not None:
            parked = {**document, "reason": reason}
            await self._parked.replace_one({"_id": row.id}, parked, upsert=True)
        await self._rows.update_one({"_id": row.id}, {"$unset": {"pending": ""}, "$set": {"parked": True}})

    async def backlog(self) -> int:
        return int(await self._rows.count_documents({"pending": True}, limit=COUNT_LIMIT))


def _pending(document: Document) -> Pending:
    return Pending(
        id=document["_id"],
        topic=document["topic"],
        key=_bytes(document["key"]),
        body=document["body"],
        headers={name: _bytes(value) for name, value in document["headers"].items()},
        position=document["position"],
        created_at=document["created_at"],
    )


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
