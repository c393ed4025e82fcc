"""A database of its own on the real MongoDB."""

from collections.abc import AsyncIterator

import pytest

from gerai.chassis.testing import own_database
from gerai.messaging.mongo.driver import Database, Driver
from gerai.register.kept_entries import INDEXES


@pytest.fixture
async def database(mongodb_uri: str, driver: Driver) -> AsyncIterator[Database]:
    async with own_database(mongodb_uri, "register_test", driver=driver, indexes=INDEXES) as found:
        yield found
