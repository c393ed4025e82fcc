"""A database of its own on the real MongoDB."""

import uuid
from collections.abc import AsyncIterator

import pytest

from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.storage import MongoStorage
from gerai.register.kept_entries import INDEXES


@pytest.fixture
async def database(mongodb_uri: str, driver: Driver) -> AsyncIterator[Database]:
    found = connect(mongodb_uri, f"register_test_{uuid.uuid4().hex[:8]}", driver=driver)
    await MongoStorage(found).prepare(INDEXES)
    yield found
    await found.drop()
    await found.close()
