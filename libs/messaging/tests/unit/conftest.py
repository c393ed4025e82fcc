from collections.abc import AsyncIterator

import pytest
from job_office import Office
from messaging_shelf import Shelf

from gerai.messaging import consumer as consuming
from gerai.messaging import jobs as working
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage


@pytest.fixture
async def shelf(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shelf]:
    monkeypatch.setattr(consuming, "LONGEST_BACKOFF_S", 0.001)
    storage = MemoryStorage()
    async with GroupCommit(storage, source="test") as commit:
        yield Shelf(commit, storage)


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Office:
    """Its workers pause only briefly."""
    monkeypatch.setattr(working, "POLL_S", 0.002)
    monkeypatch.setattr(working, "AWAY_PAUSE_S", 0.002)
    monkeypatch.setattr(working, "STOP_S", 0.01)
    return Office()
