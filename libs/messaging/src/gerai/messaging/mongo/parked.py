"""Parked records in MongoDB."""

from gerai.messaging.mongo.driver import Database
from gerai.messaging.parking import COLLECTION, Parked, parked_from


class MongoParkedRecords:
    """Implements `ParkedRecords`."""

    def __init__(self, database: Database) -> None:
        self._parked = database[COLLECTION]

    async def of_group(self, group: str, limit: int) -> list[Parked]:
        order = [("topic", 1), ("partition", 1), ("offset", 1)]
        found = await self._parked.find({"group": group}).sort(order).limit(limit).to_list(None)
        return [parked_from(document) for document in found]

    async def remove(self, id: str) -> None:
        await self._parked.delete_one({"_id": id})
