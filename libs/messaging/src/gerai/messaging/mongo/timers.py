"""Due timers in MongoDB."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.storage import TimerRow
from gerai.messaging.timers import share_of_failed

COLLECTION = "timers"
TURN = "turn"
"""The index that both questions use."""


class MongoDueTimers:
    """Implements `DueTimers`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._timers = database[COLLECTION]

    async def due(self, names: Collection[str], at: datetime, limit: int, *, now: datetime) -> list[TimerRow]:
        ours: Document = {"name": {"$in": sorted(names)}, "due": {"$lte": at}}
        fresh, failed = await asyncio.gather(
            self._find({**ours, "next_try": None}, "due", limit),  # null, or written before the field was
            self._find({**ours, "next_try": {"$lte": now}}, "next_try", limit),
        )
        return share_of_failed(fresh, failed, limit)

    async def _find(self, where: Document, order: str, limit: int) -> list[TimerRow]:
        found = self._timers.find(where).sort(order, 1).hint(TURN).limit(limit)
        return [_row(document) for document in await found.to_list(None)]

    async def failed(self, timer: TimerRow, *, error: str, next_try: datetime) -> None:
        as_read = {"_id": timer.id, "version": timer.version}
        noted = {"attempts": timer.attempts + 1, "last_error": error, "next_try": next_try}
        await self._timers.update_one(as_read, {"$set": noted})

    async def others_due(self, names: Collection[str], at: datetime) -> set[str]:
        every = await self._database.command("distinct", COLLECTION, key="name")
        others = set(every["values"]).difference(names)
        due: set[str] = set()
        for name in others:
            if await self._find({"name": name, "due": {"$lte": at}, "next_try": None}, "due", 1):
                due.add(name)
        return due


def _row(document: Document) -> TimerRow:
    return TimerRow(
        id=document["_id"],
        name=document["name"],
        key=document["key"],
        tenant=document["tenant"],
        due=document["due"],
        payload=document["payload"],
        version=document["version"],
        attempts=document.get("attempts", 0),
        last_error=document.get("last_error", ""),
        next_try=document.get("next_try"),
    )
