"""Parked records in MongoDB."""

from collections.abc import Mapping
from datetime import datetime

from gerai.messaging.mongo.driver import Database
from gerai.messaging.parking import COLLECTION, Parked, Partitions, parked_from

LANES_LIMIT = 100_000
IN_ORDER = [("topic", 1), ("partition", 1), ("offset", 1)]


class MongoParkedRecords:
    """Implements `ParkedRecords`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._parked = database[COLLECTION]

    async def lanes(self, group: str) -> Mapping[str, int]:
        counted = await self._database.aggregate(
            COLLECTION,
            [
                {"$match": {"group": group}},
                {"$group": {"_id": "$lane", "records": {"$sum": 1}}},
                {"$limit": LANES_LIMIT},
            ],
        )
        return {one["_id"]: one["records"] for one in counted}

    async def due(self, group: str, now: datetime, limit: int, *, owned: Partitions) -> list[Parked]:
        ours = [
            {"first.topic": topic, "first.partition": {"$in": sorted(partitions)}}
            for topic, partitions in owned.items()
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
