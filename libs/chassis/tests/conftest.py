"""Makes the front door of `notes` available to the chassis' tests."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from notes_door import Client, Door, notes_door

from gerai.messaging.memory.storage import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def door(storage: MemoryStorage) -> AsyncIterator[Door]:
    async with notes_door(storage) as opened:
        yield opened


@pytest.fixture
def officer(door: Door) -> Client:
    return door.client()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a developer has set in the shell decides no test."""
    import os

    for name in [name for name in os.environ if name.startswith("GERAI_")]:
        monkeypatch.delenv(name)
    yield
