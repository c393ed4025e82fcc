"""No number is called for two people, though two replicas know the register differently."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from queue_builders import Hall, catalogue

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.refusal import Refusal
from gerai.register.testing import service


class Interrupted(MongoStorage):
    """Something happens elsewhere just after the day's numbers were read."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def select(self, selections: Any) -> list[list[Any]]:
        found = await super().select(selections)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
        return found


async def test_a_prefix_that_moves_to_another_service_is_begun_by_one_alone(database: Database):
    storage = Interrupted(database)
    async with (
        GroupCommit(storage, source="/gerai/queue") as one,
        GroupCommit(MongoStorage(database), source="/gerai/queue") as other,
    ):
        behind = Hall(storage, one, catalogue())
        moved = catalogue(service("nib", prefix="D"), service("izin", prefix="A"))
        ahead = Hall(storage, other, moved)
        storage.meanwhile = lambda: ahead.issues("izin")
        with pytest.raises(Refusal) as refused:
            await behind.issues("nib")
        assert refused.value.code == "prefix_in_use"
        behind.catalogue = moved
        assert (await behind.issues("nib")).number == "D-001"
        assert (await behind.issues("izin")).number == "A-002"
