"""Commands of several regencies in one process: who floods waits, and a transaction is bounded."""

import asyncio

import pytest
from messaging_builders import CountingStorage, Jar, context, put

from gerai.messaging.group_attempt import WRITES_LIMIT
from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Batch, StoreBusy, StoredAnswer, TooManyWaiting
from gerai.messaging.unit_of_work import UnitOfWork


class Ledger(CountingStorage):
    """The twin, which notes how much each transaction writes."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    async def commit(self, batch: Batch) -> None:
        await asyncio.sleep(0)
        await super().commit(batch)
        self.sizes.append(len(batch.added) + len(batch.changed) + len(batch.outbox))


def adding(name: str, jars: int = 1):
    async def add(uow: UnitOfWork) -> StoredAnswer:
        for number in range(jars):
            uow.add(Jar(id=f"{name}-{number}", tenant=uow.context.tenant or "nobody"))
        return StoredAnswer(body=name.encode())

    return add


class TestTurns:
    async def test_a_single_command_does_not_wait_for_another_regencys_flood(self) -> None:
        storage = Ledger()
        done: list[str] = []

        async def run(commit: GroupCommit, tenant: str, name: str, weight: int = 1) -> None:
            await commit.execute(adding(name, weight), context=context(tenant), needs=Needs(weight=weight))
            done.append(name)

        async with GroupCommit(storage, source="test") as commit, asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(run(commit, "muna-barat", f"import-{number}", 100))
            await asyncio.sleep(0)
            group.create_task(run(commit, "buton", "single"))
        assert done.index("single") <= 1, "it waits for the transaction that goes on, and for nothing else"

    async def test_a_heavy_command_shares_its_transaction_with_nobody(self) -> None:
        storage = Ledger()
        async with GroupCommit(storage, source="test") as commit:
            await asyncio.gather(
                commit.execute(adding("light"), context=context()),
                commit.execute(adding("heavy", 100), context=context(), needs=Needs(weight=100)),
                commit.execute(adding("light too"), context=context("buton")),
            )
        assert sorted(storage.sizes) == [2, 100]

    async def test_commands_that_write_more_than_they_said_are_still_written_in_bounded_transactions(
        self,
    ) -> None:
        storage = Ledger()
        one = WRITES_LIMIT // 5
        async with GroupCommit(storage, source="test") as commit:
            answers = await asyncio.gather(
                *(commit.execute(adding(f"c{n}", one), context=context()) for n in range(30))
            )
        assert [answer.body for answer in answers] == [f"c{n}".encode() for n in range(30)]
        assert len(storage.aggregates[Jar]) == 30 * one
        assert max(storage.sizes) <= WRITES_LIMIT + one

    async def test_within_a_regency_the_order_is_that_of_coming(self) -> None:
        storage = MemoryStorage()
        await put(storage, Jar(id="j1", tenant="muna-barat", room=200))

        async def fill(uow: UnitOfWork) -> StoredAnswer:
            jar = await uow.get(Jar, "j1")
            jar.fill()
            return StoredAnswer(body=str(jar.filled).encode())

        async with GroupCommit(storage, source="test") as commit:
            answers = await asyncio.gather(
                *(
                    commit.execute(fill, context=context(), needs=Needs(weight=1 + number % 90))
                    for number in range(150)
                )
            )
        assert [int(answer.body) for answer in answers] == list(range(1, 151))


class TestPlaces:
    async def test_who_floods_is_refused_and_another_regency_is_let_in(self) -> None:
        async with GroupCommit(MemoryStorage(), source="test", waiting_limit=20, flow_limit=10) as commit:
            flood = [
                asyncio.create_task(commit.execute(adding(f"a{n}"), context=context())) for n in range(12)
            ]
            other = asyncio.create_task(commit.execute(adding("b"), context=context("buton")))
            results = await asyncio.gather(*flood, return_exceptions=True)
            assert [type(one) for one in results] == [StoredAnswer] * 10 + [TooManyWaiting] * 2
            assert (await other).body == b"b"

    async def test_when_all_places_are_taken_the_longest_line_gives_way(self) -> None:
        async with GroupCommit(MemoryStorage(), source="test", waiting_limit=10) as commit:
            flood = [
                asyncio.create_task(commit.execute(adding(f"a{n}"), context=context())) for n in range(10)
            ]
            await asyncio.sleep(0)
            answer = await commit.execute(adding("b"), context=context("buton"))
            results = await asyncio.gather(*flood, return_exceptions=True)
        assert answer.body == b"b"
        assert [type(one) for one in results] == [StoredAnswer] * 9 + [TooManyWaiting]

    async def test_a_process_that_stops_takes_nothing_more(self) -> None:
        commit = GroupCommit(MemoryStorage(), source="test")
        async with commit:
            pass
        with pytest.raises(StoreBusy):
            await commit.execute(adding("late"), context=context())
