"""Databases for one test each, on a MongoDB that is there."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.storage import Index


@asynccontextmanager
async def own_database(
    mongodb_uri: str, name: str, *, driver: Driver = Driver.MOTOR, indexes: Sequence[Index] = ()
) -> AsyncIterator[Database]:
    """With the library's indexes and these; its name begins with `name`. It is gone afterwards."""
    database = connect(mongodb_uri, f"{name}_{uuid.uuid4().hex[:8]}", driver=driver)
    await MongoStorage(database, tuple(indexes)).prepare()
    try:
        yield database
    finally:
        await database.drop()
        await database.close()
