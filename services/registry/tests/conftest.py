"""A registrar at work on the in-memory twin."""

from collections.abc import AsyncIterator

import pytest
from registry_builders import Registrar

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def registrar(storage: MemoryStorage) -> AsyncIterator[Registrar]:
    async with GroupCommit(storage, source="/gerai/registry") as commit:
        yield Registrar(storage, commit)
