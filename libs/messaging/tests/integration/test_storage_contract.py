"""One contract, every storage: the in-memory twin and MongoDB through both drivers answer alike."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from messaging_builders import (
    NOON,
    Jar,
    JarOnShelf,
    Label,
    Part,
    Tally,
    context,
    event,
    idempotency_key,
)

from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.selection import ALL_TENANTS, Selection
from gerai.messaging.storage import (
    Batch,
    Conflict,
    DocumentWrite,
    KeyTaken,
    Storage,
    StoredAnswer,
    TimerGone,
    TimerRow,
)
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork


def saved(jar: Jar, version: int = 1) -> Jar:
    return jar.model_copy(update={"version": version})


def jar(id: str, **fields: object) -> Jar:
    return saved(Jar(**{"id": id, "tenant": "muna-barat", **fields}))


def unit_of(storage: Storage, tenant: str | None = "muna-barat") -> UnitOfWork:
    return UnitOfWork(IdentityMap(storage, {}), context(tenant), source="test")


def timer(version: int = 1) -> TimerRow:
    return TimerRow(id="t:1", name="t", key="1", tenant="muna-barat", due=NOON, version=version)


class TestCommit:
    async def test_what_was_added_is_found(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("j1", filled=2)]))
        (found,) = await storage.fetch({Jar: ["j1", "missing"]})
        assert (found.id, found.version, found.filled) == ("j1", 1, 2)

    async def test_a_changed_version_conflicts_and_writes_nothing(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("j1")]))
        await storage.commit(Batch(changed=[(saved(jar("j1", filled=1), 2), jar("j1"))]))
        with pytest.raises(Conflict):
            await storage.commit(
                Batch(changed=[(saved(jar("j1", filled=9), 2), jar("j1"))], added=[jar("j2")])
            )
        found = await storage.fetch({Jar: ["j1", "j2"]})
        assert [(one.id, one.filled) for one in found] == [("j1", 1)]

    async def test_what_was_changed_comes_back_as_it_is_then(self, storage: Storage) -> None:
        as_read = Label(
            id="l", tenant="muna-barat", version=1, text="a", at=NOON, words={"a.b": "c", "d": "e"}
        )
        await storage.commit(Batch(added=[as_read]))
        steps: list[dict[str, object]] = [
            {"text": None, "parts": (Part(name="lid", size=1), Part(name="rim"))},
            {"text": "b", "at": None, "words": {"a.b": "f"}, "parts": (Part(name="rim"),)},
            {"words": {}, "parts": ()},
            {},
        ]
        for step in steps:
            new = as_read.model_copy(update={**step, "version": as_read.version + 1})
            await storage.commit(Batch(changed=[(new, as_read)]))
            assert await storage.fetch({Label: ["l"]}) == [new]
            as_read = new

    async def test_one_of_many_that_was_changed_meanwhile_keeps_all_from_being_written(
        self, storage: Storage
    ) -> None:
        many = [jar(f"j{n:02}") for n in range(30)]
        await storage.commit(Batch(added=list(many)))
        await storage.commit(Batch(changed=[(saved(jar("j17", filled=1), 2), many[17])]))
        with pytest.raises(Conflict):
            await storage.commit(
                Batch(changed=[(saved(jar(one.id, filled=9), 2), one) for one in many], added=[jar("new")])
            )
        found = await storage.fetch({Jar: [*(one.id for one in many), "new"]})
        assert sorted((one.id, one.filled) for one in found if one.filled) == [("j17", 1)]
        assert len(found) == 30

    async def test_an_id_that_is_taken_conflicts(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("j1")]))
        with pytest.raises(Conflict):
            await storage.commit(Batch(added=[jar("j1")]))

    async def test_an_idempotency_key_takes_effect_once(self, storage: Storage) -> None:
        answer = StoredAnswer(body=b"first", fingerprint="f", headers={"status": "201"})
        await storage.commit(Batch(idempotency_keys=[(idempotency_key("k"), answer)], added=[jar("j1")]))
        with pytest.raises(KeyTaken):
            await storage.commit(Batch(idempotency_keys=[(idempotency_key("k"), answer)], added=[jar("j2")]))
        assert await storage.answers([idempotency_key("k"), idempotency_key("other")]) == {"k": answer}
        assert await storage.fetch({Jar: ["j2"]}) == []

    async def test_a_timer_is_done_once_and_a_moved_one_is_not_the_same(self, storage: Storage) -> None:
        await storage.commit(Batch(timers_set=[timer(1)]))
        await storage.commit(Batch(timers_set=[timer(2)]))
        with pytest.raises(TimerGone):
            await storage.commit(Batch(timers_done=[timer(1)]))
        await storage.commit(Batch(timers_done=[timer(2)]))
        with pytest.raises(TimerGone):
            await storage.commit(Batch(timers_done=[timer(2)]))

    async def test_a_timer_is_done_once_in_a_batch_as_well(self, storage: Storage) -> None:
        await storage.commit(Batch(timers_set=[timer(1)]))
        with pytest.raises(TimerGone):
            await storage.commit(Batch(timers_done=[timer(1), timer(1)], added=[jar("j1")]))
        assert await storage.fetch({Jar: ["j1"]}) == []
        await storage.commit(Batch(timers_done=[timer(1)]))

    async def test_an_aggregate_has_one_event_of_each_version(self, storage: Storage) -> None:
        await storage.commit(Batch(outbox=[event("a", version=1), event("a", version=2)]))
        with pytest.raises(KeyTaken):
            await storage.commit(Batch(outbox=[event("a", version=2)], added=[jar("j1")]))
        with pytest.raises(KeyTaken):
            await storage.commit(Batch(outbox=[event("a", version=3), event("a", version=3)]))
        assert await storage.fetch({Jar: ["j1"]}) == []
        await storage.commit(Batch(outbox=[event("a", version=3), event("b", version=3)]))

    async def test_times_are_kept_to_the_millisecond(self, storage: Storage) -> None:
        exact = NOON + timedelta(microseconds=1_999)
        as_read = Label(id="l", tenant="muna-barat", version=1, at=exact)
        await storage.commit(Batch(added=[as_read]))
        (found,) = await storage.fetch({Label: ["l"]})
        assert found == as_read.model_copy(update={"at": NOON + timedelta(milliseconds=1)})

    async def test_a_timer_may_set_itself_again(self, storage: Storage) -> None:
        await storage.commit(Batch(timers_set=[timer(1)]))
        await storage.commit(Batch(timers_done=[timer(1)], timers_set=[timer(2)]))
        with pytest.raises(TimerGone):
            await storage.commit(Batch(timers_done=[timer(1)]))
        await storage.commit(Batch(timers_done=[timer(2)]))

    async def test_deleting_a_document_that_is_not_there_changes_nothing(self, storage: Storage) -> None:
        gone = DocumentWrite(collection="beside", id="d", document=None)
        await storage.commit(Batch(documents=[DocumentWrite(collection="beside", id="d", document={"a": 1})]))
        await storage.commit(Batch(documents=[gone]))
        await storage.commit(Batch(documents=[gone], added=[jar("j1")]))
        assert len(await storage.fetch({Jar: ["j1"]})) == 1


class TestSelect:
    async def test_the_first_in_order_up_to_the_limit(self, storage: Storage) -> None:
        jars = [jar(f"j{n}", filled=n % 3, shelf="s1" if n < 8 else "s2") for n in range(10)]
        await storage.commit(Batch(added=list(jars)))
        by_filled = Selection(
            kind=Jar, where={"shelf": "s1", "filled": {"$gt": 0}}, order=(("filled", -1), ("id", 1)), limit=4
        ).within("muna-barat")
        s2 = Selection(
            kind=Jar,
            where={"shelf": {"$in": ["s2", "s3"]}, "filled": {"$lte": 1}},
            limit=10,
            tenant=ALL_TENANTS,
        )
        first, second = await storage.select([by_filled, s2])
        assert [(one.id, one.filled) for one in first] == [("j2", 2), ("j5", 2), ("j1", 1), ("j4", 1)]
        assert [one.id for one in second] == ["j9"]

    async def test_a_part_is_found_as_the_whole_is_with_its_own_fields_alone(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("j1", filled=1), jar("j2", filled=2, shelf="s2"), jar("j3")]))
        on_shelf = Selection(kind=JarOnShelf, where={"shelf": "s1"}, order=(("filled", -1), ("id", 1)))
        (found,) = await storage.select([on_shelf.within("muna-barat")])
        assert [(type(one), one.id, one.filled) for one in found] == [
            (JarOnShelf, "j1", 1),
            (JarOnShelf, "j3", 0),
        ]

    async def test_another_regencys_rows_cannot_shorten_a_page(self, storage: Storage) -> None:
        """They stand before the caller's own, and are more than the limit."""
        foreign = [jar(f"a{number}", tenant="buton") for number in range(9)]
        await storage.commit(Batch(added=[*foreign, jar("j1"), jar("j2")]))
        page = Selection(kind=Jar, where={"filled": 0}, limit=2)
        assert [one.id for one in await unit_of(storage).select(page)] == ["j1", "j2"]
        by_shelf = replace(page, order=(("shelf", 1), ("id", 1)))
        found = await unit_of(storage).select_of_each(by_shelf, ["s1"], first=2)
        assert [one.id for one in found] == ["j1", "j2"]
        assert [one.id for one in await unit_of(storage, "buton").select(page)] == ["a0", "a1"]

    async def test_what_a_group_needs_is_read_for_each_members_regency(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("a1", tenant="buton"), jar("j1")]))
        first = Selection(kind=Jar, where={"filled": 0}, limit=1)

        async def look(uow: UnitOfWork) -> StoredAnswer:
            return StoredAnswer(body=",".join(one.id for one in await uow.select(first)).encode())

        async with GroupCommit(storage, source="a") as commit:
            needs = Needs(selections=(first,))
            answers = await asyncio.gather(
                *(commit.execute(look, context=context(one), needs=needs) for one in ("buton", "muna-barat"))
            )
        assert [answer.body for answer in answers if answer is not None] == [b"a1", b"j1"]

    async def test_a_selection_that_says_no_regency_is_refused(self, storage: Storage) -> None:
        with pytest.raises(ValueError, match="must say its regency"):
            await unit_of(storage, None).select(Selection(kind=Jar, where={}))
        with pytest.raises(ValueError, match="is asked by"):
            await unit_of(storage, "buton").select(Selection(kind=Jar, where={}, tenant="muna-barat"))

    async def test_all_regencies_are_read_where_that_is_said(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("a1", tenant="buton"), jar("j1")]))
        every = Selection(kind=Jar, where={}, tenant=ALL_TENANTS)
        assert [one.id for one in await unit_of(storage, None).select(every)] == ["a1", "j1"]

    async def test_a_group_sees_its_own_changes(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("j1"), jar("j2"), jar("j3", filled=1)]))
        empty = Selection(kind=Jar, where={"filled": 0}, limit=10)
        identity_map = IdentityMap(storage, {})
        one = UnitOfWork(identity_map, context(), source="test")
        first, *_ = await one.select(empty, first=1)
        first.fill()
        one.add(Jar(id="j0", tenant="muna-barat"))
        one.join()
        two = UnitOfWork(identity_map, context(), source="test")
        assert [found.id for found in await two.select(empty)] == ["j0", "j2"]

    async def test_a_group_that_has_used_up_what_was_read_reads_on(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar(f"j{number}") for number in range(9)]))
        narrow = Selection(kind=Jar, where={"filled": 0}, limit=2)
        identity_map = IdentityMap(storage, {})
        for number in range(9):
            unit = UnitOfWork(identity_map, context(), source="test")
            (found, *_) = await unit.select(narrow, first=1)
            assert found.id == f"j{number}"
            found.fill()
            unit.join()
        assert await UnitOfWork(identity_map, context(), source="test").select(narrow, first=1) == []

    @pytest.mark.parametrize("limit", [3, 4, 7, 20])
    async def test_the_first_of_each_value_wherever_they_stand(self, storage: Storage, limit: int) -> None:
        jars = [jar(f"j{number:02}", shelf=shelf) for number, shelf in enumerate("aaadaabbccc")]
        await storage.commit(Batch(added=list(jars)))
        by_shelf = Selection(kind=Jar, where={"filled": 0}, order=(("shelf", 1), ("id", 1)), limit=limit)
        identity_map = IdentityMap(storage, {})
        unit = UnitOfWork(identity_map, context(), source="test")
        found = await unit.select_of_each(by_shelf, "abcd", first=2)
        assert [one.id for one in found] == ["j00", "j01", "j06", "j07", "j08", "j09", "j03"]
        for one in found[:3]:
            one.fill()
        found[5].shelf = "d"
        unit.join()
        after = UnitOfWork(identity_map, context(), source="test")
        found = await after.select_of_each(by_shelf, "abcd", first=2)
        assert [one.id for one in found] == ["j02", "j04", "j07", "j08", "j10", "j03", "j09"]
        after = UnitOfWork(identity_map, context(), source="test")
        found = await after.select_of_each(by_shelf, "abcd", first=1)
        assert [one.id for one in found] == ["j02", "j07", "j08", "j03"]

    async def test_what_was_read_later_is_not_what_a_command_has_changed(self, storage: Storage) -> None:
        """Else its change would be taken for one of the newer state, and that would be lost."""
        await storage.commit(Batch(added=[Tally(id="t", tenant="muna-barat", version=1, count=1)]))
        identity_map = IdentityMap(storage, {})
        unit = UnitOfWork(identity_map, context(), source="test")
        (await unit.get(Tally, "t")).next()
        elsewhere = Tally(id="t", tenant="muna-barat", version=2, count=7)
        await storage.commit(Batch(changed=[(elsewhere, identity_map.stored[Tally, "t"])]))
        await unit.select(Selection(kind=Tally, where={"count": 7}))
        unit.join()
        with pytest.raises(Conflict):
            await storage.commit(identity_map.sealed())
        assert await storage.fetch({Tally: ["t"]}) == [elsewhere]


class TestGroupCommit:
    async def test_two_processes_draw_every_number_once(self, storage: Storage) -> None:
        async def draw(uow: UnitOfWork) -> StoredAnswer:
            tally = await uow.find(Tally, "t1")
            if tally is None:
                tally = Tally(id="t1", tenant="muna-barat")
                uow.add(tally)
            return StoredAnswer(body=str(tally.next()).encode())

        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            answers = await asyncio.gather(
                *(process.execute(draw, context=context()) for process in [one, two] * 40)
            )
        assert sorted(int(answer.body) for answer in answers) == list(range(1, 81))

    async def test_positions_never_fall_within_an_aggregate(self, storage: Storage) -> None:
        await storage.commit(Batch(added=[jar("j1", room=10)]))
        identity_map = IdentityMap(storage, {})
        for _ in range(5):
            unit = UnitOfWork(identity_map, context(), source="test")
            (await unit.get(Jar, "j1")).fill(at=NOON - timedelta(days=1))
            unit.join()
        rows = identity_map.batch.outbox
        assert [row.version for row in rows] == [2, 3, 4, 5, 6]
        assert [row.position for row in rows] == sorted({row.position for row in rows})
        assert all(row.headers["ce_id"] == row.id for row in rows)
