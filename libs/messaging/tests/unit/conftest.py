from collections.abc import AsyncIterator

import pytest
from messaging_shelf import Shelf

from gerai.messaging import consumer as consuming
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage


@pytest.fixture
async def shelf(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shelf]:
    monkeypatch.setattr(consuming, "LONGEST_BACKOFF_S", 0.001)
    storage = MemoryStorage()
    async with GroupCommit(storage, source="test") as commit:
        yield Shelf(commit, storage)
