"""A hall on the in-memory twin."""

from collections.abc import AsyncIterator

import pytest
from queue_builders import Hall, catalogue

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    storage = MemoryStorage()
    async with GroupCommit(storage, source="/gerai/queue") as commit:
        yield Hall(storage, commit, catalogue())
