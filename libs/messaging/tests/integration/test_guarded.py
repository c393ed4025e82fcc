"""What a command decides by and does not write: guarded, it stands as it was read when the command takes effect."""

import asyncio

import pytest
from messaging_builders import Jar, Label, Tally, context

from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.storage import Batch, Conflict, Storage, StoredAnswer
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork

PAIRS = 30


def jar(id: str, version: int = 1, **fields: object) -> Jar:
    return Jar(**{"id": id, "tenant": "muna-barat", "version": version, **fields})


class TestBatch:
    async def test_what_changed_meanwhile_conflicts_and_writes_nothing(self, storage: Storage) -> None:
        read = jar("rules")
        await storage.commit(Batch(added=[read]))
        await storage.commit(Batch(changed=[(jar("rules", 2, filled=1), read)]))
        for missed in (read, jar("nowhere")):
            with pytest.raises(Conflict):
                await storage.commit(Batch(guarded=[missed], added=[jar("j2")]))
        assert await storage.fetch({Jar: ["j2"]}) == []

    async def test_what_stands_lets_the_batch_through_and_stays_as_it_is(self, storage: Storage) -> None:
        labels = [Label(id=id, tenant="muna-barat", version=1, text=id) for id in ("one", "two")]
        await storage.commit(Batch(added=list(labels)))
        for number in range(3):
            await storage.commit(Batch(guarded=list(labels), added=[jar(f"j{number}")]))
        assert sorted(await storage.fetch({Label: ["one", "two"]}), key=lambda label: label.id) == labels
        changed = labels[0].model_copy(update={"text": "b", "version": 2})
        await storage.commit(Batch(changed=[(changed, labels[0])]))
        assert await storage.fetch({Label: ["one"]}) == [changed]


def unit_of(identity_map: IdentityMap) -> UnitOfWork:
    return UnitOfWork(identity_map, context(), source="test")


class TestUnitOfWork:
    async def test_guards_what_it_decided_by_and_not_what_was_changed(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("a"), jar("b"), jar("c")]))
        identity_map = IdentityMap(storage, {})
        first, second, idle = (unit_of(identity_map) for _ in range(3))
        await first.get(Jar, "a", guard=True)
        await first.get(Jar, "b", guard=True)
        (await first.get(Jar, "c", guard=True)).fill()
        first.join()
        (await second.get(Jar, "b")).fill()
        second.join()
        await idle.get(Jar, "c", guard=True)
        assert not idle.join()
        assert [guarded.id for guarded in identity_map.sealed().guarded] == ["a"]

    async def test_a_command_that_writes_nothing_guards_nothing(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("a")]))
        identity_map = IdentityMap(storage, {})
        unit = unit_of(identity_map)
        await unit.get(Jar, "a", guard=True)
        unit.join()
        assert identity_map.sealed().is_empty()

    async def test_an_older_state_than_a_neighbour_changed_conflicts(self, storage: Storage) -> None:
        """Read, changed elsewhere, read again by a neighbour, and changed by that."""
        await storage.commit(Batch(added=[jar("a"), jar("b")]))
        identity_map = IdentityMap(storage, {})
        first, second = unit_of(identity_map), unit_of(identity_map)
        await first.get(Jar, "a", guard=True)
        (await first.get(Jar, "b")).fill()
        first.join()
        await storage.commit(Batch(changed=[(jar("a", 2, filled=1), jar("a"))]))
        await identity_map.load([(Jar, "a")], again=True)
        (await second.get(Jar, "a")).fill()
        second.join()
        with pytest.raises(Conflict):
            await storage.commit(identity_map.sealed())


class TestRace:
    """Two doctors on call: each may leave while the other stays. They ask two processes at the same moment."""

    @pytest.mark.parametrize("guard", [True, False])
    async def test_two_processes_do_not_each_decide_by_what_the_other_changes(
        self, storage: Storage, guard: bool
    ) -> None:
        on_call = [jar(f"{pair}-{who}", filled=1) for pair in range(PAIRS) for who in "ab"]
        await storage.commit(Batch(added=list(on_call)))

        async def leave(uow: UnitOfWork, who: str, other: str) -> StoredAnswer:
            stays = await uow.get(Jar, other, guard=guard)
            if stays.filled:
                (await uow.get(Jar, who)).filled = 0
            return StoredAnswer(body=b"")

        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            for pair in range(PAIRS):
                a, b = f"{pair}-a", f"{pair}-b"
                needs = Needs(aggregates=((Jar, a), (Jar, b)))
                await asyncio.gather(
                    one.execute(lambda uow, a=a, b=b: leave(uow, a, b), context=context(), needs=needs),
                    two.execute(lambda uow, a=a, b=b: leave(uow, b, a), context=context(), needs=needs),
                )
        found = await storage.fetch({Jar: [one.id for one in on_call]})
        still = {one.id.split("-")[0] for one in found if one.filled}
        if guard:
            assert len(still) == PAIRS
        else:  # what a guard is for: the race is one
            assert len(still) < PAIRS

    async def test_what_the_process_remembers_is_guarded_too(self, storage: Storage) -> None:
        """A warm aggregate that decides needs no second run of the command: its version is looked at."""
        runs = 0

        async def count(uow: UnitOfWork) -> StoredAnswer:
            (await uow.find_or_add(Tally(id="t", tenant="muna-barat"))).next()
            return StoredAnswer(body=b"")

        async def decide(uow: UnitOfWork) -> StoredAnswer:
            nonlocal runs
            runs += 1
            tally = await uow.get(Tally, "t", guard=True)
            uow.add(jar(f"by-{tally.count}", 0))
            return StoredAnswer(body=b"")

        async with GroupCommit(storage, source="a") as here, GroupCommit(storage, source="b") as there:
            await here.execute(count, context=context())
            await here.execute(decide, context=context())
            assert runs == 1
            await there.execute(count, context=context())
            await here.execute(decide, context=context())
        assert [one.id for one in await storage.fetch({Jar: ["by-1", "by-2"]})] == ["by-1", "by-2"]
