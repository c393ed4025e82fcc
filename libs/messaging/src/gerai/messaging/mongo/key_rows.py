"""The rows of `subject_keys` in MongoDB, for `key_care`."""

from gerai.messaging.key_care import Hashed
from gerai.messaging.mongo.driver import Database
from gerai.messaging.subject_keys import SUBJECT_KEYS

COUNT_LIMIT = 100_000


class MongoKeyRows:
    """Implements `KeyRows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def wrapped_otherwise(self, wrapped_with: str, *, beyond: str, limit: int) -> list[str]:
        where = {"wrapped_with": {"$exists": True, "$ne": wrapped_with}, "_id": {"$gt": beyond}}
        rows = self._database[SUBJECT_KEYS].find(where, {"_id": 1}).sort("_id", 1).limit(limit)
        return [row["_id"] for row in await rows.to_list(None)]

    async def count_wrapped_otherwise(self, wrapped_with: str) -> int:
        where = {"wrapped_with": {"$exists": True, "$ne": wrapped_with}}
        return int(await self._database[SUBJECT_KEYS].count_documents(where, limit=COUNT_LIMIT))

    async def unswept(self, limit: int) -> list[str]:
        rows = self._database[SUBJECT_KEYS].find({"swept": False}, {"_id": 1}).limit(limit)
        return [row["_id"] for row in await rows.to_list(None)]

    async def remove_hashes(self, hashed: Hashed, *, tenant: str, subject: str) -> int:
        where = {hashed.subject_field: subject, "tenant": tenant, hashed.name: {"$exists": True}}
        swept = await self._database[hashed.collection].update_many(where, {"$unset": {hashed.name: ""}})
        return int(swept.modified_count)
