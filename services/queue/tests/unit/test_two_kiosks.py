"""Two processes begin the same day at the same moment."""

from collections.abc import Awaitable, Callable
from typing import Any

from queue_builders import Hall, catalogue

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Batch, VersionConflict


class Beaten(MemoryStorage):
    """The first try meets a conflict, so the second reads afresh; then somebody is faster, between two readings."""

    faster: Callable[[], Awaitable[Any]] | None = None
    tried = False

    async def commit(self, batch: Batch) -> None:
        if not self.tried:
            self.tried = True
            raise VersionConflict("planted")
        await super().commit(batch)

    async def select(self, selections: Any) -> list[list[Any]]:
        if self.tried and (faster := self.faster) is not None:
            self.faster = None
            await faster()
        return await super().select(selections)


async def test_who_is_beaten_to_the_first_number_gets_the_second() -> None:
    storage, known = Beaten(), catalogue()
    async with (
        GroupCommit(storage, source="/gerai/queue") as one,
        GroupCommit(storage, source="/gerai/queue") as other,
    ):
        storage.faster = lambda: Hall(storage, other, known).issues("nib")
        assert (await Hall(storage, one, known).issues("nib")).number == "A-002"
