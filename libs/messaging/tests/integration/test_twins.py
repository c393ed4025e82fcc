"""Outbox, lease, timers and parked records: the twins and MongoDB through both drivers answer alike."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from messaging_builders import NOON, context

from gerai.chassis.testing import eventually
from gerai.messaging.lease import Lease, LeaseLost
from gerai.messaging.memory.relaying import (
    MemoryDueTimers,
    MemoryLease,
    MemoryLeases,
    MemoryOutbox,
    MemoryParkedRecords,
)
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import Driver, connect
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.outbox import MongoOutbox
from gerai.messaging.mongo.parked import MongoParkedRecords
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.messaging.outbox import Outbox
from gerai.messaging.parking import Parked, ParkedRecords, Parking, home
from gerai.messaging.record import Record
from gerai.messaging.storage import Batch, OutboxRow, Storage, TimerRow
from gerai.messaging.timers import DueTimers
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork

OURS = {"t": {0}}


@dataclass
class Kit:
    """One implementation of each port over one store."""

    storage: Storage
    outbox: Outbox
    timers: DueTimers
    parked: ParkedRecords
    lease: Callable[[str], Lease]
    """By token; all are claims to the same lease, which runs out after a second."""
    wait: Callable[[], None] = lambda: None
    """Let a second pass, where time is ours."""


@pytest.fixture(params=["memory", "motor", "pymongo"])
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    if request.param == "memory":
        memory, leases = MemoryStorage(), MemoryLeases()

        def later() -> None:
            leases.now += 1.5

        yield Kit(
            memory,
            MemoryOutbox(memory),
            MemoryDueTimers(memory),
            MemoryParkedRecords(memory),
            lambda token: MemoryLease(leases, "relay", token, seconds=1.0),
            later,
        )
        return
    uri = request.getfixturevalue("mongodb_uri")
    database = connect(uri, f"twins_{uuid.uuid4().hex[:8]}", driver=Driver(request.param))
    storage = MongoStorage(database)
    await storage.prepare()
    claims: dict[str, MongoLease] = {}
    yield Kit(
        storage,
        MongoOutbox(database),
        MongoDueTimers(database),
        MongoParkedRecords(database),
        lambda token: claims.setdefault(token, MongoLease(database, "relay", seconds=1.0)),
    )
    await database.drop()
    await database.close()


def row(position: int, *, topic: str = "t") -> OutboxRow:
    return OutboxRow(
        id=f"id-{position:02d}",
        topic=topic,
        key="k",
        aggregate="jars:k",
        version=position,
        position=position,
        headers={"ce_id": f"id-{position:02d}", "raw": b"\xff\x00"},
        body=b"{}",
        type="t.v1",
        tenant="muna-barat",
        at=NOON,
    )


async def ids(outbox: Outbox, limit: int = 10, **rest: Any) -> list[str]:
    return [one.id for one in await outbox.pending(limit, **rest)]


class TestOutbox:
    async def test_rows_wait_in_order_until_they_are_marked(self, kit: Kit) -> None:
        await kit.storage.commit(Batch(outbox=[row(3), row(1), row(2)]))
        lease = kit.lease("a")
        assert await lease.hold()
        assert await ids(kit.outbox) == ["id-01", "id-02", "id-03"]
        await kit.outbox.published(["id-01", "id-03"], lease)
        assert await ids(kit.outbox) == ["id-02"]
        assert await kit.outbox.backlog() == 1
        assert await kit.outbox.oldest() is not None
        await kit.outbox.published(["id-02"], lease)
        assert (await kit.outbox.backlog(), await kit.outbox.oldest()) == (0, None)

    async def test_some_rows_and_topics_can_be_left_out(self, kit: Kit) -> None:
        await kit.storage.commit(Batch(outbox=[row(1), row(2, topic="u"), row(3), row(4, topic="u")]))
        assert await ids(kit.outbox, limit=2) == ["id-01", "id-02"]
        (first, second, *_) = await kit.outbox.pending(10)
        assert await ids(kit.outbox, beyond=[first]) == ["id-02", "id-03", "id-04"]
        assert await ids(kit.outbox, beyond=[first, second]) == ["id-03", "id-04"]
        assert await ids(kit.outbox, resting=["t"], beyond=[second]) == ["id-04"]

    async def test_nothing_is_read_ahead_of_a_row_that_came_to_stand_before(self, kit: Kit) -> None:
        """A later one of its aggregate may be among what would be read."""
        await kit.storage.commit(Batch(outbox=[row(3), row(4), row(6), row(7, topic="u")]))
        under_way = await kit.outbox.pending(2)
        assert await ids(kit.outbox, beyond=under_way) == ["id-06", "id-07"]
        await kit.storage.commit(Batch(outbox=[row(2, topic="u")]))
        assert await ids(kit.outbox, beyond=under_way) == []
        assert await ids(kit.outbox, beyond=under_way, resting=["u"]) == ["id-06"]
        assert await ids(kit.outbox) == ["id-02", "id-03", "id-04", "id-06", "id-07"]

    async def test_a_row_comes_with_its_bytes(self, kit: Kit) -> None:
        await kit.storage.commit(Batch(outbox=[row(1)]))
        (found,) = await kit.outbox.pending(1)
        assert (found.key, found.body) == (b"k", b"{}")
        assert found.headers == {"ce_id": b"id-01", "raw": b"\xff\x00"}
        assert abs(datetime.now(UTC) - found.created_at) < timedelta(minutes=1)

    async def test_what_commits_late_is_found_though_later_ones_are_done(self, kit: Kit) -> None:
        lease = kit.lease("a")
        assert await lease.hold()
        await kit.storage.commit(Batch(outbox=[row(5)]))
        await kit.outbox.published(["id-05"], lease)
        await kit.storage.commit(Batch(outbox=[row(2)]))
        assert await ids(kit.outbox) == ["id-02"]

    async def test_who_lost_the_lease_marks_nothing(self, kit: Kit) -> None:
        await kit.storage.commit(Batch(outbox=[row(1), row(2)]))
        slow, successor = kit.lease("slow"), kit.lease("successor")
        assert await slow.hold()
        kit.wait()
        await eventually(successor.hold, bool, because="a silent holder is followed")
        (first, _) = await kit.outbox.pending(2)
        with pytest.raises(LeaseLost):
            await kit.outbox.published(["id-01"], slow)
        with pytest.raises(LeaseLost):
            await kit.outbox.park(first, "too_large", slow)
        assert await kit.outbox.backlog() == 2

    async def test_a_parked_row_waits_no_more(self, kit: Kit) -> None:
        await kit.storage.commit(Batch(outbox=[row(1), row(2)]))
        lease = kit.lease("a")
        assert await lease.hold()
        (first, _) = await kit.outbox.pending(2)
        await kit.outbox.park(first, "too_large", lease)
        assert await ids(kit.outbox) == ["id-02"]


class TestLease:
    async def test_one_of_many_holds_it(self, kit: Kit) -> None:
        taken = await asyncio.gather(*(kit.lease(str(number)).hold() for number in range(8)))
        assert sum(taken) == 1

    async def test_the_holder_renews_and_nobody_else_gets_in(self, kit: Kit) -> None:
        mine, other = kit.lease("mine"), kit.lease("other")
        assert await mine.hold()
        assert await mine.hold()
        await mine.guard()
        assert not await other.hold()
        with pytest.raises(LeaseLost):
            await other.guard()

    async def test_what_is_released_is_free_at_once(self, kit: Kit) -> None:
        mine, other = kit.lease("mine"), kit.lease("other")
        assert await mine.hold()
        await other.release()
        assert not await other.hold()
        await mine.release()
        assert await other.hold()


class TestDueTimers:
    async def test_the_earliest_due_ones_first_without_those_that_rest(self, kit: Kit) -> None:
        rows = [
            TimerRow(
                id=f"t:{minute}",
                name="t",
                key=str(minute),
                tenant="muna-barat",
                due=NOON + timedelta(minutes=minute),
                payload={"a": "b"},
                version=minute + 1,
            )
            for minute in (3, 0, 2, 1, 9)
        ]
        await kit.storage.commit(Batch(timers_set=rows))
        at = NOON + timedelta(minutes=3)
        (resting,) = [one for one in rows if one.key == "1"]
        await kit.timers.failed(resting, error="why", next_try=NOON)
        due = await kit.timers.due({"t", "u"}, at, 3, now=NOON - timedelta(seconds=1))
        assert due == sorted((one for one in rows if one.key in "023"), key=lambda one: one.due)
        again = replace(resting, attempts=1, last_error="why", next_try=NOON)
        assert await kit.timers.due({"t"}, at, 9, now=NOON) == [*due, again]
        await kit.timers.failed(replace(resting, version=99), error="of another setting", next_try=at)
        assert await kit.timers.due({"t"}, at, 9, now=NOON) == [*due, again]
        assert await kit.timers.due({"u"}, at, 9, now=NOON) == []
        assert await kit.timers.others_due({"u"}, at) == {"t"}
        assert await kit.timers.others_due({"t"}, at) == set()
        assert await kit.timers.others_due({"u"}, NOON - timedelta(days=1)) == set()
        await kit.storage.commit(Batch(timers_set=[replace(resting, version=100)]))
        (anew,) = [one for one in await kit.timers.due({"t"}, at, 9, now=NOON) if one.key == "1"]
        assert (anew.attempts, anew.next_try) == (0, None)

    async def test_what_is_due_is_known_to_the_millisecond(self, kit: Kit) -> None:
        exact = TimerRow(
            id="t:1", name="t", key="1", tenant="muna-barat", due=NOON + timedelta(microseconds=1_999)
        )
        await kit.storage.commit(Batch(timers_set=[exact]))
        at = NOON + timedelta(milliseconds=1)
        assert await kit.timers.due({"t"}, at, 1, now=NOON) == [replace(exact, due=at)]


class TestParkedRecords:
    async def test_lanes_wait_with_their_first_record(self, kit: Kit) -> None:
        parking = Parking("g", kit.parked)
        await park(kit, parking, record("a", 1), attempts=1)
        await park(kit, parking, record("a", 2))
        await park(kit, parking, record("b", 3))
        await park(kit, Parking("other", kit.parked), record("c", 4))
        fresh = Parking("g", kit.parked)
        await fresh.load()
        assert [fresh.holds(record(key, 9)) for key in "abc"] == [True, True, False]
        soon, later = datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=5)
        assert [one.key for one in await fresh.due(soon, 10, owned=OURS)] == [b"b"]
        assert {one.key for one in await fresh.due(later, 10, owned=OURS)} == {b"a", b"b"}
        assert len(await fresh.due(later, 1, owned=OURS)) == 1
        waiting = await fresh.of_lane(record("a", 0), 10)
        assert [(one.record, one.attempts) for one in waiting] == [(record("a", 1), 1), (record("a", 2), 0)]

    async def test_followers_of_a_record_that_is_done_are_due(self, kit: Kit) -> None:
        parking = Parking("g", kit.parked)
        await park(kit, parking, record("a", 1), attempts=8)
        await park(kit, parking, record("a", 2))
        assert await parking.due(datetime.now(UTC) + timedelta(seconds=1), 10, owned=OURS) == []
        await parking.drop(parking.id_of(record("a", 1)))
        (first,) = await parking.due(datetime.now(UTC) + timedelta(seconds=1), 10, owned=OURS)
        assert first.offset == 2

    async def test_a_record_waits_until_it_is_removed(self, kit: Kit) -> None:
        parking = Parking("g", kit.parked)
        await park(kit, parking, record("a", 1))
        assert await parking.has(record("a", 1))
        assert not await parking.has(record("a", 2))
        assert not await Parking("other", kit.parked).has(record("a", 1))
        await parking.drop(parking.id_of(record("a", 1)))
        assert not await parking.has(record("a", 1))

    async def test_a_lane_has_one_first_record(self, kit: Kit) -> None:
        """Though its records stand in two partitions, after the topic has grown."""
        parking = Parking("g", kit.parked)
        later = datetime.now(UTC) + timedelta(seconds=5)
        await park(kit, parking, replace(record("a", 1), partition=1), attempts=1)
        await park(kit, parking, record("a", 9), attempts=1)
        both = {"t": {0, 1}}
        (first,) = await parking.due(later, 9, owned=both)
        waiting = await parking.of_lane(first, 9)
        assert [(one.record.partition, one.record.offset) for one in waiting] == [(1, 1), (0, 9)]
        assert (first.partition, first.offset) == (1, 1)

    async def test_what_stood_in_a_partition_that_is_no_more_has_one_new_home(self, kit: Kit) -> None:
        parking = Parking("g", kit.parked)
        keys = "abcdefgh"
        for offset, key in enumerate(keys, start=1):
            await park(kit, parking, replace(record(key, offset), partition=5), attempts=1)
        await park(kit, parking, replace(record("-", 9), partition=4, key=None), attempts=1)
        later = datetime.now(UTC) + timedelta(seconds=5)
        homes: list[set[bytes | None]] = []
        for one in range(3):
            due = await parking.due(later, 20, owned={"t": {one}}, counts={"t": 3})
            assert {home(it, 3) for it in due} <= {one}
            homes.append({it.key for it in due})
        assert sum(map(len, homes)) == len(keys) + 1
        assert set.union(*homes) == {None, *(key.encode() for key in keys)}
        assert await parking.due(later, 20, owned={"t": {0, 1, 2}}) == []
        assert len(await parking.due(later, 20, owned={"t": {4, 5}}, counts={"t": 6})) == len(keys) + 1

    async def test_what_an_earlier_version_parked_stands_before_the_rest(self, kit: Kit) -> None:
        parking = Parking("g", kit.parked)
        for offset in (9, 3, 6):
            await park(kit, parking, record("a", offset))
        (_, old, _) = await parking.of_lane(record("a", 0), 9)
        await park(kit, parking, old.record, again=replace(old, sequence=None))
        waiting = await parking.of_lane(record("a", 0), 9)
        assert [one.record.offset for one in waiting] == [3, 9, 6]
        assert (await kit.parked.lanes("g"))[old.record.lane] == (3, waiting[-1].sequence)

    async def test_lanes_of_others_take_no_place_of_ours(self, kit: Kit) -> None:
        parking = Parking("g", kit.parked)
        for offset, key in enumerate("abc", start=1):
            await park(kit, parking, replace(record(key, offset), partition=1), attempts=1)
        await park(kit, parking, replace(record("d", 4), topic="given-up"), attempts=1)
        await park(kit, parking, record("e", 5), attempts=2)
        later = datetime.now(UTC) + timedelta(seconds=5)
        assert [one.key for one in await parking.due(later, 2, owned=OURS)] == [b"e"]
        both = {"t": {0, 1}, "u": {0}}
        assert [one.key for one in await parking.due(later, 9, owned=both)] == [b"a", b"b", b"c", b"e"]
        assert await parking.due(later, 9, owned={}) == []


def record(key: str, offset: int) -> Record:
    return Record(
        topic="t", partition=0, offset=offset, key=key.encode(), value=b"\x00v", headers=(("h", b"\xff"),)
    )


async def park(
    kit: Kit, parking: Parking, record: Record, *, attempts: int = 0, again: Parked | None = None
) -> None:
    identity_map = IdentityMap(kit.storage, {})
    unit = UnitOfWork(identity_map, context(), source="test")
    parking.keep(unit, replace(record), reason="why", attempts=attempts, again=again)
    unit.join()
    await kit.storage.commit(identity_map.sealed())
