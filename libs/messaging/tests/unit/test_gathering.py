"""That something is not there is known only from an answer of the store."""

import asyncio
from collections.abc import Collection, Mapping

from messaging_builders import Jar, context, put
from pymongo.errors import AutoReconnect

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.identity_map import IdentityMap
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork


class Blinking(MemoryStorage):
    """Does not answer its second question: the first one of the attempt whose outcome is told."""

    asked = 0

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]:
        self.asked += 1
        if self.asked == 2:
            raise AutoReconnect("planted")
        return await super().fetch(wanted)


class Slow(MemoryStorage):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = asyncio.Event()

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]:
        await self.goes_on.wait()
        return await super().fetch(wanted)


async def is_there(uow: UnitOfWork) -> StoredAnswer:
    return StoredAnswer(body=b"no" if await uow.find(Jar, "j1") is None else b"yes")


async def test_a_question_that_was_not_answered_says_nothing_to_the_neighbours() -> None:
    storage = Blinking()
    await put(storage, Jar(id="j1", tenant="muna-barat"))
    async with GroupCommit(storage, source="test") as commit:
        both = (commit.execute(is_there, context=context()) for _ in range(2))
        first, second = await asyncio.gather(*both, return_exceptions=True)
    assert isinstance(first, AutoReconnect)
    assert isinstance(second, StoredAnswer)
    assert second.body == b"yes"


async def test_while_a_question_is_under_way_nobody_is_told_that_it_is_not_there() -> None:
    storage = Slow()
    await put(storage, Jar(id="j1", tenant="muna-barat"))
    identity_map = IdentityMap(storage, {})
    loads = [asyncio.create_task(identity_map.load([(Jar, "j1"), (Jar, "j2")])) for _ in range(2)]
    await asyncio.sleep(0)
    assert identity_map.known == {}
    assert not any(one.done() for one in loads)
    storage.goes_on.set()
    await asyncio.gather(*loads)
    assert identity_map.known[Jar, "j2"] is None
    assert identity_map.known[Jar, "j1"] is not None


async def test_whose_an_id_is_can_be_asked_though_the_aggregate_itself_is_hidden() -> None:
    storage = MemoryStorage()
    await put(storage, Jar(id="own", tenant="muna-barat"))
    await put(storage, Jar(id="theirs", tenant="buton"))
    uow = UnitOfWork(IdentityMap(storage, {}), context("muna-barat"), source="test")
    assert await uow.find(Jar, "theirs") is None
    assert [await uow.owner_of(Jar, id) for id in ("own", "theirs", "nobody's")] == [
        "muna-barat",
        "buton",
        None,
    ]
    assert uow.join() is False, "looking changes nothing"
