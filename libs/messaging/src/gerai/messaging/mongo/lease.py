"""A lease as one document, with a token and the server's own time."""

import uuid

from pymongo.errors import DuplicateKeyError

from gerai.messaging.lease import LeaseLost
from gerai.messaging.mongo.driver import Database, Document

COLLECTION = "leases"


class MongoLease:
    """Implements `Lease`."""

    def __init__(self, database: Database, name: str, *, seconds: float = 10.0) -> None:
        self._leases = database[COLLECTION]
        self._name = name
        self.seconds = seconds
        self._token = uuid.uuid4().hex
        self._known = False

    async def hold(self) -> bool:
        await self._make_known()
        mine_or_over = {"$or": [{"token": self._token}, {"$expr": {"$lte": ["$until", "$$NOW"]}}]}
        taken = await self._leases.update_one({"_id": self._name, **mine_or_over}, self._renewal())
        return bool(taken.matched_count)

    async def guard(self) -> None:
        # whether it ran out does not matter while nobody else took it
        mine = {"_id": self._name, "token": self._token}
        renewed = await self._leases.update_one(mine, self._renewal())
        if not renewed.matched_count:
            raise LeaseLost(self._name)

    async def release(self) -> None:
        await self._leases.update_one(
            {"_id": self._name, "token": self._token}, [{"$set": {"token": None, "until": "$$NOW"}}]
        )

    def _renewal(self) -> list[Document]:
        return [{"$set": {"token": self._token, "until": {"$add": ["$$NOW", int(self.seconds * 1000)]}}}]

    async def _make_known(self) -> None:
        if self._known:
            return
        try:
            await self._leases.update_one(
                {"_id": self._name}, [{"$set": {"until": {"$ifNull": ["$until", "$$NOW"]}}}], upsert=True
            )
        except DuplicateKeyError:
            # two processes made it at the same moment; either way it is there now
            self._known = True
        self._known = True
