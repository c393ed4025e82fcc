"""Tickets of an earlier version: the visitor's link, which was kept in clear, is replaced by its hash, and they get the
moment from which their retention counts."""

from gerai.messaging.mongo.driver import Database, Document
from gerai.queue.domain.link import hash_of
from gerai.queue.domain.ticket import RESTS, Ticket

STEP = 200


class LinkSealing:
    """A repair: `step` until it says 0. Tickets can be read and changed meanwhile, by this version."""

    def __init__(self, database: Database) -> None:
        self._tickets = database[Ticket.collection]
        self._after = ""

    async def step(self) -> int:
        """Goes on after the last one that was seen, so that the collection is gone through once."""
        where = {"_id": {"$gt": self._after}, "link": {"$exists": True}}
        fields = {"link": 1, "state": 1, "since": 1}
        found: list[Document] = (
            await self._tickets.find(where, fields).sort("_id", 1).limit(STEP).to_list(None)
        )
        for one in found:
            if one["state"] in RESTS:  # else, or if somebody has moved it since, its next step says so
                as_read = {"_id": one["_id"], "state": one["state"], "since": one["since"]}
                await self._tickets.update_one(as_read, {"$set": {"rests_since": one["since"]}})
            sealed = {"$set": {"link_hash": hash_of(one["link"])}, "$unset": {"link": ""}}
            await self._tickets.update_one({"_id": one["_id"]}, sealed)
            self._after = one["_id"]
        return len(found)
