"""Deletes from MongoDB what is past its time."""

from collections.abc import Mapping
from typing import Any

from gerai.messaging.mongo.driver import Database


class MongoPastDocuments:
    """Implements `PastDocuments`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete(self, collection: str, past: Mapping[str, Any], limit: int) -> int:
        documents = self._database[collection]
        found = await documents.find(past, {"_id": 1}).limit(limit).to_list(None)
        if not found:
            return 0
        # asked again: what somebody has changed since it was found is not past its time any more
        still_past = {"$and": [{"_id": {"$in": [one["_id"] for one in found]}}, past]}
        return int((await documents.delete_many(still_past)).deleted_count)

    async def count(self, collection: str, where: Mapping[str, Any], limit: int) -> int:
        return int(await self._database[collection].count_documents(where, limit=limit))
