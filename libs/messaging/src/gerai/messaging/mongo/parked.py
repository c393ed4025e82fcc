"""Parked records in MongoDB."""

from collections.abc import Mapping
from datetime import datetime

from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.parking import COLLECTION, Counts, Lane, Parked, Partitions, parked_from

LANES_LIMIT = 100_000
IN_ORDER = [("sequence", 1), ("partition", 1), ("offset", 1)]
"""Those without a sequence come first; an earlier version has parked them."""


class MongoParkedRecords:
    """Implements `ParkedRecords`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parked = database[COLLECTION]

    async def lanes(self, group: str) -> Mapping[str, Lane]:
        counted = await self._database.aggregate(
            COLLECTION,
            [
                {"$match": {"group": group}},
                {"$group": {"_id": "$lane", "records": {"$sum": 1}, "last": {"$max": "$sequence"}}},
                {"$limit": LANES_LIMIT},
            ],
        )
        return {one["_id"]: Lane(one["records"], one["last"] or 0) for one in counted}

    async def due(
        self, group: str, now: datetime, limit: int, *, owned: Partitions, counts: Counts
    ) -> list[Parked]:
        ours = [
            {"first.topic": topic, **at_home}
            for topic, partitions in owned.items()
            for at_home in _at_home(sorted(partitions), counts.get(topic))
        ]
        if not ours:
            return []
        first = await self._database.aggregate(
            COLLECTION,
            [
                {"$match": {"group": group}},
                {"$project": {"value": 0}},
                {"$sort": {"lane": 1, **dict(IN_ORDER)}},
                {"$group": {"_id": "$lane", "first": {"$first": "$$ROOT"}}},
                {"$match": {"first.retry_at": {"$lte": now}, "$or": ours}},
                {"$sort": {"first.retry_at": 1}},
                {"$limit": limit},
            ],
        )
        return [parked_from(one["first"]) for one in first]

    async def of_lane(self, group: str, lane: str, limit: int) -> list[Parked]:
        found = self._parked.find({"group": group, "lane": lane}).sort(IN_ORDER).limit(limit)
        return [parked_from(document) for document in await found.to_list(None)]

    async def has(self, id: str) -> bool:
        return await self._parked.find_one({"_id": id}, {"_id": 1}) is not None

    async def remove(self, id: str) -> None:
        await self._parked.delete_one({"_id": id})


def _at_home(owned: list[int], count: int | None) -> list[Document]:
    """Conditions of which one must hold for a record whose `parking.home` is one of these partitions."""
    if count is None:
        return [{"first.partition": {"$in": owned}}]
    today = {"$mod": [{"$ifNull": ["$first.hash", "$first.partition"]}, count]}
    return [
        {"first.partition": {"$in": owned, "$lt": count}},
        {"first.partition": {"$gte": count}, "$expr": {"$in": [today, owned]}},
    ]
