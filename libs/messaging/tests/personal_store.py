"""What stands in a store, whichever it is, and what somebody with access to it could do."""

from collections.abc import Mapping
from typing import Any

from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.storage import Storage


def later(storage: Any) -> Any:
    """Half a minute later, or in another process: nothing is remembered."""
    storage.vault._remembered.clear()
    return storage


async def raw(storage: Storage, collection: str, id: str) -> dict[str, Any]:
    if isinstance(storage, MemoryStorage):
        return dict(storage.collection(collection)[id])
    assert isinstance(storage, MongoStorage)
    return dict(await storage._database[collection].find_one({"_id": id}))


async def tamper(storage: Storage, kind: Any, id: str, change: Mapping[str, Any]) -> None:
    if isinstance(storage, MemoryStorage):
        storage.aggregates[kind].documents[id].update(change)
    else:
        assert isinstance(storage, MongoStorage)
        await storage._database[kind.collection].update_one({"_id": id}, {"$set": change})
