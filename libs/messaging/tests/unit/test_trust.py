"""What a process remembers saves reads. It is believed only where a version guards it, or where it was read again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from messaging_builders import Jar, Tally, context, idempotency_key, put

from gerai.messaging.group_commit import NOTHING, GroupCommit, Needs
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Batch, StoredAnswer, VersionConflict
from gerai.messaging.unit_of_work import UnitOfWork

Hook = Callable[[], Awaitable[None]]


async def count(uow: UnitOfWork) -> None:
    tally = await uow.find_or_add(Tally(id="t1", tenant="muna-barat"))
    tally.next()


class TestWhatIsReadAndNotWritten:
    """It decides what else is written, and no version guards it."""

    runs = 0

    async def fill_as_told(self, uow: UnitOfWork) -> None:
        """The jar that the tally names."""
        self.runs += 1
        tally, jar = await uow.get(Tally, "t1"), await uow.get(Jar, "j1")
        jar.shelf = f"tally-{tally.count}"

    async def shelf_and_runs(self, needs: Needs) -> tuple[str, int]:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            await one.execute(count, context=context())  # it remembers 1
            await two.execute(count, context=context())
            await one.execute(self.fill_as_told, context=context(), needs=needs)
        return storage.aggregates[Jar]["j1"].shelf, self.runs  # type: ignore[attr-defined]

    async def test_is_not_believed_from_memory(self) -> None:
        assert await self.shelf_and_runs(NOTHING) == ("tally-2", 2)

    async def test_costs_no_second_run_where_it_is_wanted_afresh(self) -> None:
        assert await self.shelf_and_runs(Needs(afresh=((Tally, "t1"),))) == ("tally-2", 1)

    async def test_is_not_believed_though_the_store_was_read_later_on(self) -> None:
        async def fill_after_a_look_around(uow: UnitOfWork) -> None:
            await uow.get(Tally, "t1")
            await uow.select(Selection(kind=Tally, where={}))
            await self.fill_as_told(uow)

        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            await one.execute(count, context=context())
            await two.execute(count, context=context())
            await one.execute(fill_after_a_look_around, context=context())
        assert storage.aggregates[Jar]["j1"].shelf == "tally-2"  # type: ignore[attr-defined]

    async def test_is_guarded_where_another_of_the_group_writes_it(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            await one.execute(count, context=context())
            await two.execute(count, context=context())
            both = (count, self.fill_as_told)
            await asyncio.gather(*(one.execute(command, context=context()) for command in both))
        assert storage.aggregates[Jar]["j1"].shelf == "tally-3"  # type: ignore[attr-defined]


async def fill(uow: UnitOfWork) -> StoredAnswer:
    jar = await uow.find_or_add(Jar(id="j1", tenant="muna-barat", room=1))
    jar.fill()
    return StoredAnswer(body=b"filled %d" % jar.filled)


class TestRetryThatMeetsItsFirstRun:
    """The first run, at another process, commits while the retry is on its way: the retry gets the first one's answer."""

    async def retried(self, *, before_reading: bool, conflicts: int) -> StoredAnswer | None:
        storage = MemoryStorage()
        async with GroupCommit(storage, source="b") as other:

            async def first_run() -> None:
                await other.execute(fill, context=context(), idempotency_key=idempotency_key("k"))

            mine = Meeting(storage, first_run, before_reading=before_reading, conflicts=conflicts)
            async with GroupCommit(mine, source="a") as commit:
                return await commit.execute(fill, context=context(), idempotency_key=idempotency_key("k"))

    async def test_between_the_look_for_its_key_and_the_reading_of_what_it_changes(self) -> None:
        answer = await self.retried(before_reading=True, conflicts=1)
        assert answer is not None
        assert (answer.body, answer.repeated) == (b"filled 1", True)

    async def test_just_before_its_own_commit_however_often_others_were_faster_before(self) -> None:
        answer = await self.retried(before_reading=False, conflicts=5)
        assert answer is not None
        assert (answer.body, answer.repeated) == (b"filled 1", True)


class Meeting(MemoryStorage):
    """One process's view of a storage. Others are faster there a few times; after that the first run commits, once."""

    def __init__(
        self, storage: MemoryStorage, first_run: Hook, *, before_reading: bool, conflicts: int
    ) -> None:
        vars(self).update(vars(storage))
        self._first_run = first_run
        self._before_reading, self._conflicts = before_reading, conflicts
        self._looked, self._met = asyncio.Event(), False

    async def answers(self, keys: Any) -> dict[str, StoredAnswer]:
        found = await super().answers(keys)
        self._looked.set()
        return found

    async def fetch(self, wanted: Any) -> list[Any]:
        if self._before_reading and not self._conflicts:
            await self._looked.wait()
            await self._meet()
        return await super().fetch(wanted)

    async def commit(self, batch: Batch) -> None:
        if self._conflicts:
            self._conflicts -= 1
            raise VersionConflict("planted")
        await self._meet()
        await super().commit(batch)

    async def _meet(self) -> None:
        if not self._met:
            self._met = True
            await self._first_run()
