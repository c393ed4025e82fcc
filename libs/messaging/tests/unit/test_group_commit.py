"""Group commit on the in-memory twin: what callers are promised, without IO."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from messaging_builders import CountingStorage, Jar, Tally, UnableToFill, context, event, idempotency_key, put
from pymongo.errors import ServerSelectionTimeoutError

from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import UnableToAdd, UnableToFind, UnableToRepeat
from gerai.messaging.storage import (
    Batch,
    Contended,
    Index,
    KeyTaken,
    StoredAnswer,
    TooManyWaiting,
    VersionConflict,
)
from gerai.messaging.unit_of_work import UnitOfWork


def filling(id: str = "j1"):
    async def fill(uow: UnitOfWork) -> StoredAnswer:
        jar = await uow.get(Jar, id)
        jar.fill()
        return StoredAnswer(body=str(jar.filled).encode())

    return fill


class TestGroup:
    async def test_commands_on_one_aggregate_see_each_other_and_share_one_transaction(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat", room=50))
        before = storage.commits
        async with GroupCommit(storage, source="test") as commit:
            answers = await asyncio.gather(*(commit.execute(filling(), context=context()) for _ in range(50)))
        assert sorted(int(answer.body) for answer in answers) == list(range(1, 51))
        assert storage.commits - before == 1
        assert [row.version for row in storage.outbox] == list(range(2, 52))

    async def test_a_refused_command_drops_out_alone(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat", room=3))
        async with GroupCommit(storage, source="test") as commit:
            results = await asyncio.gather(
                *(commit.execute(filling(), context=context()) for _ in range(5)), return_exceptions=True
            )
        assert [type(one) for one in results] == [StoredAnswer] * 3 + [UnableToFill] * 2
        assert len(storage.outbox) == 3

    async def test_a_command_that_fails_half_way_leaves_no_trace(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))

        async def breaks(uow: UnitOfWork) -> None:
            (await uow.get(Jar, "j1")).fill()
            uow.add(Jar(id="j2", tenant="muna-barat"))
            raise RuntimeError("planted")

        async with GroupCommit(storage, source="test") as commit:
            broken, good = await asyncio.gather(
                commit.execute(breaks, context=context()),
                commit.execute(filling(), context=context()),
                return_exceptions=True,
            )
        assert isinstance(broken, RuntimeError)
        assert good.body == b"1"
        assert "j2" not in storage.aggregates[Jar]

    async def test_a_cancelled_caller_does_not_stop_the_others(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="test") as commit:
            first = asyncio.create_task(commit.execute(filling(), context=context()))
            second = asyncio.create_task(commit.execute(filling(), context=context()))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).body in (b"1", b"2")


class TestOnce:
    async def test_a_retry_gets_the_first_answer_and_changes_nothing(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="test") as commit:
            first = await commit.execute(filling(), context=context(), idempotency_key=idempotency_key("k"))
            again = await commit.execute(filling(), context=context(), idempotency_key=idempotency_key("k"))
        assert (first.body, again.body) == (b"1", b"1")
        assert (first.repeated, again.repeated) == (False, True)
        assert len(storage.outbox) == 1

    async def test_twins_in_one_group_take_effect_once(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="test") as commit:
            answers = await asyncio.gather(
                *(
                    commit.execute(filling(), context=context(), idempotency_key=idempotency_key("k"))
                    for _ in range(3)
                )
            )
        assert {answer.body for answer in answers} == {b"1"}
        assert len(storage.outbox) == 1

    async def test_a_retry_of_what_would_now_be_refused_gets_the_first_answer(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat", room=1))
        async with GroupCommit(storage, source="test") as commit:
            await commit.execute(filling(), context=context(), idempotency_key=idempotency_key("k"))
            again = await commit.execute(filling(), context=context(), idempotency_key=idempotency_key("k"))
        assert again.body == b"1"

    async def test_the_same_key_with_another_request_is_refused(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        async with GroupCommit(storage, source="test") as commit:
            await commit.execute(filling(), context=context(), idempotency_key=idempotency_key("k", "one"))
            with pytest.raises(UnableToRepeat):
                await commit.execute(
                    filling(), context=context(), idempotency_key=idempotency_key("k", "two")
                )
        assert len(storage.outbox) == 1


class TestTrouble:
    async def test_a_conflict_reads_again_and_retries(self) -> None:
        storage = CountingStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        storage.conflicts = 6
        async with GroupCommit(storage, source="test") as commit:
            answers = await asyncio.gather(*(commit.execute(filling(), context=context()) for _ in range(3)))
        assert sorted(answer.body for answer in answers) == [b"1", b"2", b"3"]
        assert len(storage.outbox) == 3

    async def test_a_stale_warm_aggregate_is_noticed(self) -> None:
        storage = MemoryStorage()

        async def draw(uow: UnitOfWork) -> StoredAnswer:
            tally = await uow.find(Tally, "t1")
            if tally is None:
                tally = Tally(id="t1", tenant="muna-barat")
                uow.add(tally)
            return StoredAnswer(body=str(tally.next()).encode())

        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            drawn = [
                int((await process.execute(draw, context=context())).body)
                for process in (one, two, one, one, two, two, one)
            ]
        assert drawn == [1, 2, 3, 4, 5, 6, 7]

    async def test_a_group_that_was_overtaken_stays_together(self) -> None:
        """Split up, each part would only be overtaken again, and every command would cost a transaction."""
        storage = CountingStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat", room=50))
        before = storage.commits
        storage.conflicts, storage.conflict = 10, VersionConflict("planted")
        async with GroupCommit(storage, source="test") as commit:
            await asyncio.gather(*(commit.execute(filling(), context=context()) for _ in range(20)))
        assert storage.commits - before == 1

    async def test_endless_conflicts_end_in_a_named_error(self) -> None:
        storage = CountingStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        storage.conflicts = 1_000
        async with GroupCommit(storage, source="test", attempts=3) as commit:
            with pytest.raises(Contended):
                await commit.execute(filling(), context=context())

    async def test_a_broken_store_reaches_every_caller_and_the_next_command_works(self) -> None:
        storage = CountingStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))
        storage.broken = ConnectionError("planted")
        async with GroupCommit(storage, source="test") as commit:
            results = await asyncio.gather(
                *(commit.execute(filling(), context=context()) for _ in range(4)), return_exceptions=True
            )
            assert all(isinstance(one, ConnectionError) for one in results)
            storage.broken = None
            assert (await commit.execute(filling(), context=context())).body == b"1"

    async def test_one_member_that_cannot_be_written_does_not_hurt_the_others(self) -> None:
        storage = CountingStorage()
        await put(storage, *(Jar(id=f"j{n}", tenant="muna-barat") for n in range(10)))
        storage.bad_id = "j7"
        async with GroupCommit(storage, source="test") as commit:
            results = await asyncio.gather(
                *(commit.execute(filling(f"j{n}"), context=context()) for n in range(10)),
                return_exceptions=True,
            )
        assert [n for n, one in enumerate(results) if isinstance(one, ValueError)] == [7]
        assert len(storage.outbox) == 9

    async def test_one_document_that_cannot_be_read_does_not_hurt_the_others(self) -> None:
        class Unreadable(MemoryStorage):
            async def fetch(self, wanted: Mapping[type[Any], Collection[str]]) -> list[Any]:
                if any("j7" in ids for ids in wanted.values()):
                    raise ValueError("planted: this document cannot be read")
                return await super().fetch(wanted)

        storage = Unreadable()
        await put(storage, *(Jar(id=f"j{n}", tenant="muna-barat") for n in range(10)))
        async with GroupCommit(storage, source="test") as commit:
            results = await asyncio.gather(
                *(
                    commit.execute(
                        filling(f"j{n}"), context=context(), needs=Needs(aggregates=((Jar, f"j{n}"),))
                    )
                    for n in range(10)
                ),
                return_exceptions=True,
            )
        assert [n for n, one in enumerate(results) if isinstance(one, ValueError)] == [7]

    async def test_a_store_that_is_away_fails_everybody_at_once(self) -> None:
        """In halves each part would wait for its own time-out, and the last caller for more than an hour."""
        storage = CountingStorage()
        await put(storage, *(Jar(id=f"j{n}", tenant="muna-barat") for n in range(10)))
        storage.broken, storage.tries = ServerSelectionTimeoutError("planted"), 0
        async with GroupCommit(storage, source="test") as commit:
            results = await asyncio.gather(
                *(commit.execute(filling(f"j{n}"), context=context()) for n in range(10)),
                return_exceptions=True,
            )
        assert all(isinstance(one, ServerSelectionTimeoutError) for one in results)
        assert storage.tries == 1

    async def test_too_many_waiting_commands_are_refused_at_the_door(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat", room=50))
        async with GroupCommit(storage, source="test", waiting_limit=10) as commit:
            results = await asyncio.gather(
                *(commit.execute(filling(), context=context()) for _ in range(12)), return_exceptions=True
            )
        assert sum(isinstance(one, TooManyWaiting) for one in results) == 2


class TestTakenKey:
    """What reading again explains is read again; the rest is said by name, at once and to one member alone."""

    async def test_an_event_that_is_there_already_fails_its_own_command_by_name(self) -> None:
        storage = CountingStorage()
        await put(storage, *(Jar(id=f"j{n}", tenant="muna-barat") for n in range(10)))
        await storage.commit(Batch(outbox=[event("jars:j7", version=2)]))
        storage.tries = 0
        async with GroupCommit(storage, source="test") as commit:
            results = await asyncio.gather(
                *(commit.execute(filling(f"j{n}"), context=context()) for n in range(10)),
                return_exceptions=True,
            )
        (taken,) = [one for one in results if isinstance(one, Exception)]
        assert results.index(taken) == 7
        assert isinstance(taken, KeyTaken)
        assert (taken.collection, taken.index) == ("outbox", "event")
        assert len(storage.outbox) == 1 + 9
        assert storage.tries < 30

    async def test_a_declared_index_refuses_in_the_words_of_the_domain(self) -> None:
        by_shelf = Index(
            collection="jars", keys=(("shelf", 1),), unique=True, refusal=lambda: UnableToFill("full")
        )
        storage = MemoryStorage([by_shelf])
        await put(storage, Jar(id="j1", tenant="muna-barat"))

        async def add(uow: UnitOfWork) -> None:
            uow.add(Jar(id="j2", tenant="muna-barat"))

        async with GroupCommit(storage, source="test") as commit:
            with pytest.raises(UnableToFill) as refused:
                await commit.execute(add, context=context())
        assert refused.value.code == "full"

    async def test_an_id_that_is_added_unseen_is_refused_as_one_that_was_seen(self) -> None:
        storage = CountingStorage()
        await put(storage, Jar(id="j1", tenant="badung"))
        storage.tries = 0

        async def add(uow: UnitOfWork) -> None:
            uow.add(Jar(id="j1", tenant="muna-barat"))

        async with GroupCommit(storage, source="test") as commit:
            with pytest.raises(UnableToAdd):
                await commit.execute(add, context=context())
        assert storage.tries == 1

    async def test_another_key_each_time_is_a_race_and_no_refusal(self) -> None:
        class Racing(CountingStorage):
            async def commit(self, batch: Batch) -> None:
                self.tries += 1
                raise KeyTaken("jars", "shelf_1", key={"shelf": self.tries})

        storage = Racing()
        async with GroupCommit(storage, source="test", attempts=9) as commit:
            with pytest.raises(Contended):
                await commit.execute(adding("j1"), context=context())
        assert storage.tries == 9

    async def test_one_that_is_free_again_is_written(self) -> None:
        storage = CountingStorage()
        storage.conflict, storage.conflicts = KeyTaken("jars", "shelf_1", key={"shelf": "s1"}), 3
        async with GroupCommit(storage, source="test") as commit:
            await commit.execute(adding("j1"), context=context())
        assert set(storage.aggregates[Jar]) == {"j1"}


def adding(id: str):
    async def add(uow: UnitOfWork) -> None:
        uow.add(Jar(id=id, tenant="muna-barat"))

    return add


class TestTrust:
    """What a process remembers saves reads; it is believed only where a version guards it."""

    async def test_nothing_to_do_is_not_believed_from_memory(self) -> None:
        storage = MemoryStorage()

        async def at_least_one(uow: UnitOfWork) -> StoredAnswer:
            tally = await uow.find(Tally, "t1")
            if tally is None:
                tally = Tally(id="t1", tenant="muna-barat")
                uow.add(tally)
            if tally.count == 0:
                tally.next()
            return StoredAnswer(body=str(tally.count).encode())

        async def reset(uow: UnitOfWork) -> None:
            (await uow.get(Tally, "t1")).count = 0

        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            await one.execute(at_least_one, context=context(), idempotency_key=idempotency_key("k1"))
            await two.execute(reset, context=context())
            await one.execute(at_least_one, context=context(), idempotency_key=idempotency_key("k2"))
        assert storage.aggregates[Tally]["t1"].count == 1

    async def test_an_error_is_not_believed_before_the_earlier_answer_was_looked_for(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat"))

        async def fill_the_first(uow: UnitOfWork) -> StoredAnswer:
            jar = await uow.get(Jar, "j1")
            if jar.filled:
                raise RuntimeError("it was handled before, and the handler does not know")
            jar.fill()
            return StoredAnswer(body=b"done")

        async with GroupCommit(storage, source="test") as commit:
            await commit.execute(fill_the_first, context=context(), idempotency_key=idempotency_key("k"))
            again = await commit.execute(
                fill_the_first, context=context(), idempotency_key=idempotency_key("k")
            )
        assert (again.body, again.repeated) == (b"done", True)


class TestTenant:
    async def test_another_regencys_aggregate_does_not_exist(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="badung"))
        async with GroupCommit(storage, source="test") as commit:
            with pytest.raises(UnableToFind):
                await commit.execute(filling(), context=context("muna-barat"))
        assert storage.outbox == []

    async def test_an_id_that_another_regency_has_cannot_be_taken_over(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="badung", filled=2))

        async def take_over(uow: UnitOfWork) -> None:
            assert await uow.find(Jar, "j1") is None
            uow.add(Jar(id="j1", tenant="muna-barat"))

        async with GroupCommit(storage, source="test") as commit:
            with pytest.raises(UnableToAdd):
                await commit.execute(take_over, context=context("muna-barat"))
        assert storage.aggregates[Jar]["j1"].tenant == "badung"
