"""Visitors' links that an earlier version kept in clear are replaced by their hashes."""

from gerai.messaging.mongo.driver import Database, Document
from gerai.queue.domain.ticket import Ticket, hash_of

STEP = 200


class LinkSealing:
    """A repair: `step` until it says 0. Tickets can be read and changed meanwhile, by this version."""

    def __init__(self, database: Database) -> None:
        self._tickets = database[Ticket.collection]
        self._after = ""

    async def step(self) -> int:
        """Goes on after the last one that was seen, so that the collection is gone through once."""
        where = {"_id": {"$gt": self._after}, "link": {"$exists": True}}
        found: list[Document] = (
            await self._tickets.find(where, {"link": 1}).sort("_id", 1).limit(STEP).to_list(None)
        )
        for one in found:
            sealed = {"$set": {"link_hash": hash_of(one["link"])}, "$unset": {"link": ""}}
            await self._tickets.update_one({"_id": one["_id"], "link": one["link"]}, sealed)
            self._after = one["_id"]
        return len(found)
