"""One contract, every storage."""

import uuid
from collections.abc import AsyncIterator
from functools import partial

import pytest
from messaging_builders import UnableToFill

from gerai.messaging.memory.keys import MemoryWrappingKeys
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import Driver, connect
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.storage import Index, Storage

INDEXES = (
    Index(collection="jars", keys=(("shelf", 1), ("filled", 1), ("_id", 1))),
    Index(
        collection="labels",
        keys=(("tenant", 1), ("text", 1)),
        unique=True,
        where={"text": {"$gt": ""}},
        refusal=partial(UnableToFill, "full"),
    ),
    Index(
        collection="cards",
        keys=(("tenant", 1), ("number_hash", 1)),
        unique=True,
        where={"number_hash": {"$gt": ""}},
        refusal=partial(UnableToFill, "full"),
    ),
    Index(
        collection="tallies", keys=(("tenant", 1), ("count", 1)), unique=True, where={"count": {"$gt": 90}}
    ),
)


@pytest.fixture(params=["memory", "motor", "pymongo"])
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage(INDEXES, keys=MemoryWrappingKeys())
        return
    uri = request.getfixturevalue("mongodb_uri")
    database = connect(uri, f"contract_{uuid.uuid4().hex[:8]}", driver=Driver(request.param))
    store = MongoStorage(database, INDEXES, keys=MemoryWrappingKeys())
    await store.prepare()
    yield store
    await database.drop()
    await database.close()
