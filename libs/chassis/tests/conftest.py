"""Makes the front door of `notes` available to the chassis' tests."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import papers
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


@pytest.fixture
async def desk(storage: MemoryStorage, tmp_path: Path) -> AsyncIterator[Door]:
    async with notes_door(storage, papers.service, shelf=tmp_path) as opened:
        yield opened


@pytest.fixture
def applicant(desk: Door) -> Client:
    return desk.client(sub="applicant-1", roles=["applicant"])


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each chunk that a sink was given."""
    given: list[int] = []
    write = papers.Placing.write

    async def counted(self: papers.Placing, chunk: bytes) -> None:
        given.append(len(chunk))
        await write(self, chunk)

    monkeypatch.setattr(papers.Placing, "write", counted)
    return given


@pytest.fixture
def aborted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sinks that were told."""
    told: list[str] = []
    abort = papers.Placing.abort

    async def noted(self: papers.Placing) -> None:
        await abort(self)
        told.append(self.path.name)

    monkeypatch.setattr(papers.Placing, "abort", noted)
    return told


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a developer has set in the shell decides no test."""
    import os

    for name in [name for name in os.environ if name.startswith("GERAI_")]:
        monkeypatch.delenv(name)
    yield
