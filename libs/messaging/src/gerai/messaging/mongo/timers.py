"""Due timers in MongoDB."""

from datetime import datetime

from gerai.messaging.mongo.driver import Database
from gerai.messaging.storage import TimerRow


class MongoDueTimers:
    """Implements `DueTimers`."""

    def __init__(self, database: Database) -> None:
        self._timers = database["timers"]

    async def due(self, at: datetime, limit: int, *, without: frozenset[str]) -> list[TimerRow]:
        where = {"due": {"$lte": at}, **({"_id": {"$nin": sorted(without)}} if without else {})}
        found = await self._timers.find(where).sort("due", 1).limit(limit).to_list(None)
        return [
            TimerRow(
                id=document["_id"],
                name=document["name"],
                key=document["key"],
                tenant=document["tenant"],
                due=document["due"],
                payload=document["payload"],
                version=document["version"],
            )
            for document in found
        ]
