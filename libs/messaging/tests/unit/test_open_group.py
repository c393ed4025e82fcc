"""A group that is still open takes in who comes while it reads; nobody in it sees less than was answered before."""

import asyncio
from typing import Any

from messaging_builders import CountingStorage, Jar, UnableToFill, by, context, idempotency_key, put

from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Batch, StoredAnswer
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork


async def test_who_comes_while_a_group_reads_sees_what_was_answered_before() -> None:
    empty = Selection(kind=Jar, where={"filled": 0})
    reading, go_on = asyncio.Event(), asyncio.Event()

    class Slow(MemoryStorage):
        async def select(self, selections: Any) -> list[list[Any]]:
            found = await super().select(selections)
            reading.set()
            await go_on.wait()
            return found

    storage = Slow()

    async def count(uow: UnitOfWork) -> StoredAnswer:
        seen = len(await uow.select(empty))
        # it writes, so its outcome is believed at once: what changes nothing would be read afresh anyway
        uow.add(Jar(id=f"full-{uow.context.actor}", tenant="muna-barat", filled=3))
        return StoredAnswer(body=str(seen).encode())

    async with GroupCommit(storage, source="test") as commit:
        needs = Needs(selections=(empty,))
        early = asyncio.create_task(commit.execute(count, context=by("early"), needs=needs))
        await reading.wait()
        await put(storage, Jar(id="j1", tenant="muna-barat"))  # elsewhere, and answered
        late = asyncio.create_task(commit.execute(count, context=by("late"), needs=needs))
        await asyncio.sleep(0)
        go_on.set()
        answers = [await early, await late]
    assert answers[1].body == b"1"


async def test_who_comes_late_asks_again_for_what_the_group_has_only_met() -> None:
    storage = MemoryStorage()
    identity_map = IdentityMap(storage, {})
    await put(storage, Jar(id="j1", tenant="muna-barat"))
    await identity_map.run([Selection(kind=Jar, where={"filled": 0}, tenant="muna-barat")])
    elsewhere = Jar(id="j1", tenant="muna-barat", version=2, filled=3)
    await storage.commit(Batch(changed=[(elsewhere, storage.aggregates[Jar]["j1"])]))
    await identity_map.load([(Jar, "j1")], again=True)
    assert identity_map.known[Jar, "j1"] == elsewhere


async def test_nobody_is_run_unread_however_many_turns_bring_somebody() -> None:
    empty = Selection(kind=Jar, where={"filled": 0})
    needs = Needs(selections=(empty,))
    guests: list[asyncio.Task[StoredAnswer | None]] = []
    coming: list[Any] = []

    class Inviting(CountingStorage):
        async def select(self, selections: Any) -> list[list[Any]]:
            if coming:
                guests.append(asyncio.create_task(coming.pop()))
                for _ in range(10):  # so that the door is quiet before the guest comes
                    await asyncio.sleep(0)
            return await super().select(selections)

    storage = Inviting()

    async def add(uow: UnitOfWork) -> StoredAnswer:
        uow.add(Jar(id=uow.context.actor, tenant="muna-barat", filled=1))
        return StoredAnswer(body=b"done")

    async def refuse(_: UnitOfWork) -> StoredAnswer:
        raise UnableToFill("full")

    async with GroupCommit(storage, source="test") as commit:
        keys = [idempotency_key(f"k{number}") for number in range(5)]
        for number, key in enumerate(keys):
            await commit.execute(add, context=by(f"b{number}"), idempotency_key=key)
        storage.conflicts = 1  # from now on idempotency keys are looked up, and refusals believed
        await commit.execute(add, context=by("other"))
        again = [
            commit.execute(refuse, context=by(f"b{number}"), idempotency_key=key, needs=needs)
            for number, key in enumerate(keys)
        ]
        coming[:] = again[1:]
        first = await again[0]
        assert first is not None
        assert first.repeated
        answers = await asyncio.gather(*guests)
    assert [answer.repeated for answer in answers if answer is not None] == [True] * 4


async def test_the_answer_to_the_later_question_counts_though_it_comes_first() -> None:
    full = Selection(kind=Jar, where={"filled": 3}, tenant="muna-barat")
    reading, go_on = asyncio.Event(), asyncio.Event()

    class SlowAtFirst(MemoryStorage):
        async def select(self, selections: Any) -> list[list[Any]]:
            found = await super().select(selections)
            if not reading.is_set():
                reading.set()
                await go_on.wait()
            return found

    storage = SlowAtFirst()
    identity_map = IdentityMap(storage, {})
    early = asyncio.create_task(identity_map.run([full]))
    await reading.wait()
    await put(storage, Jar(id="j1", tenant="muna-barat", filled=3))
    await identity_map.run([full], again=True)
    go_on.set()
    await early
    unit = UnitOfWork(identity_map, context(), source="test")
    assert [one.id for one in await unit.select(full)] == ["j1"]


async def test_a_burst_is_one_group() -> None:
    storage = MemoryStorage()

    async def add(uow: UnitOfWork) -> None:
        uow.add(Jar(id=uow.context.actor, tenant="muna-barat"))

    async def arrive(number: int) -> None:
        for _ in range(number):  # each turn of the loop brings one
            await asyncio.sleep(0)
        await commit.execute(add, context=by(f"b{number}"))

    async with GroupCommit(storage, source="test") as commit:
        await asyncio.gather(*(arrive(number) for number in range(29)))
    assert (storage.commits, len(storage.aggregates[Jar])) == (1, 29)
