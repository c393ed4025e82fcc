"""What is past its time goes, in small steps, by one process at a time; nothing else does."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from messaging_builders import NOON, Jar, put, sample
from pymongo.errors import NotPrimaryError, OperationFailure

from gerai.contracts.hourly import HourCounted
from gerai.messaging import retention
from gerai.messaging.consumer import Subscription
from gerai.messaging.memory.relaying import MemoryLease, MemoryLeases, MemoryPastDocuments
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.retention import Retention, RetentionHandedOver, Rule, own_rules
from gerai.messaging.storage import Batch, DocumentWrite, TimerRow

FULL = Rule(
    kind="full jars", collection="jars", since="filled_at", setting="keep_jars_days", where={"room": 3}
)
DAYS = {
    "keep_jars_days": 30,
    "keep_refused_events_days": 180,
    "keep_published_days": 3,
    "keep_unread_records_days": 90,
    "keep_unhandled_timers_days": 400,
}


class Dated(Jar):
    filled_at: datetime = NOON


async def react(event: Any, envelope: Any, *, uow: Any, at: datetime) -> None: ...


READ = Subscription(group="test.note", handlers={HourCounted: react})


def at(days: float) -> datetime:
    return NOON + timedelta(days=days)


def cleaner(
    storage: MemoryStorage,
    *rules: Rule,
    now: datetime = NOON,
    leases: MemoryLeases | None = None,
    token: str = "a",
    **more: Any,
) -> Retention:
    lease = MemoryLease(leases or MemoryLeases(), "retention", token)
    return Retention(MemoryPastDocuments(storage), rules, days=DAYS, lease=lease, now=lambda: now, **more)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)


def jars(storage: MemoryStorage) -> set[str]:
    return set(storage.aggregates[Dated])


async def test_what_is_kept_for_long_enough_goes_by_business_time() -> None:
    storage = MemoryStorage()
    await put(
        storage,
        Dated(id="past", tenant="t", filled_at=at(-30)),
        Dated(id="young", tenant="t", filled_at=at(-29.9)),
        Dated(id="other", tenant="t", filled_at=at(-300), room=9),
    )
    await cleaner(storage, FULL).turn()
    assert jars(storage) == {"young", "other"}
    await cleaner(storage, FULL, now=at(1)).turn()
    assert jars(storage) == {"other"}


async def test_a_local_day_is_over_everywhere_before_its_time_counts() -> None:
    storage = MemoryStorage()
    days = {day: {"day": str((NOON - timedelta(days=day)).date())} for day in (30, 31)}
    writes = [DocumentWrite(collection="ranges", id=str(day), document=one) for day, one in days.items()]
    await storage.commit(Batch(documents=writes))
    by_day = Rule(kind="ranges", collection="ranges", since="day", setting="keep_jars_days", by_day=True)
    await cleaner(storage, by_day).turn()
    assert set(storage.documents["ranges"]) == {"30"}


async def test_much_goes_in_small_steps_and_commands_come_between() -> None:
    storage, steps = MemoryStorage(), list[int]()

    class Counting(MemoryPastDocuments):
        async def delete(self, collection: str, past: Mapping[str, Any], limit: int) -> int:
            steps.append(gone := await super().delete(collection, past, limit))
            return gone

    await put(storage, *(Dated(id=f"j{n}", tenant="t", filled_at=at(-40)) for n in range(450)))
    lease = MemoryLease(MemoryLeases(), "retention", "a")
    one = Retention(Counting(storage), [FULL], days=DAYS, lease=lease, now=lambda: NOON)
    before = sample("gerai_retention_deleted_total", kind="full jars")
    await one.turn()
    assert steps == [200, 200, 50]
    assert sample("gerai_retention_deleted_total", kind="full jars") - before == 450


async def test_only_one_process_works_at_a_time() -> None:
    storage, leases = MemoryStorage(), MemoryLeases()
    await put(storage, Dated(id="past", tenant="t", filled_at=at(-40)))
    await MemoryLease(leases, "retention", "another").hold()
    with pytest.raises(RetentionHandedOver):
        await cleaner(storage, FULL, leases=leases).turn()
    assert jars(storage) == {"past"}
    leases.now += 60
    await cleaner(storage, FULL, leases=leases).turn()
    assert jars(storage) == set()


async def test_repairs_are_done_step_by_step_and_then_no_more() -> None:
    left, done = 5, list[int]()

    async def repair() -> int:
        nonlocal left
        done.append(part := min(2, left))
        left -= part
        return part

    one = cleaner(MemoryStorage(), repairs=[repair])
    await one.turn()
    await one.turn()
    assert done == [2, 2, 1, 0]


async def test_goes_on_when_the_store_was_away_and_gives_the_lease_up_at_its_end() -> None:
    storage, leases, asked = MemoryStorage(), MemoryLeases(), asyncio.Event()

    class Away(MemoryPastDocuments):
        async def delete(self, collection: str, past: Mapping[str, Any], limit: int) -> int:
            asked.set()
            raise ConnectionError("no primary answers")

    lease = MemoryLease(leases, "retention", "a")
    one = Retention(Away(storage), [FULL], days=DAYS, lease=lease, now=lambda: NOON)
    task = asyncio.create_task(one.run())
    await asked.wait()
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])
    assert leases.holders == {}


class Failing(MemoryPastDocuments):
    """Refuses one collection, or with "*" every one."""

    def __init__(self, storage: MemoryStorage, collection: str, error: Exception) -> None:
        super().__init__(storage)
        self.refused, self.error, self.asked = collection, error, asyncio.Event()

    async def delete(self, collection: str, past: Mapping[str, Any], limit: int) -> int:
        self.asked.set()
        if self.refused in ("*", collection):
            raise self.error
        return await super().delete(collection, past, limit)


def beside(storage: MemoryStorage, collection: str, error: Exception, **more: Any) -> Retention:
    rules = [replace(FULL, collection="refused", kind="refused rows"), FULL]
    lease = MemoryLease(MemoryLeases(), "retention", "a")
    return Retention(
        Failing(storage, collection, error), rules, days=DAYS, lease=lease, now=lambda: NOON, **more
    )


class TestWhatFails:
    async def test_a_rule_or_a_repair_that_fails_keeps_no_other_from_its_work(self) -> None:
        storage = MemoryStorage()
        await put(storage, Dated(id="past", tenant="t", filled_at=at(-40)))
        done = list[str]()

        async def broken() -> int:
            done.append("broken")
            raise ValueError("planted")

        async def sound() -> int:
            done.append("sound")
            return 0

        one = beside(storage, "refused", OperationFailure("not allowed", 13), repairs=[broken, sound])
        before = sample("gerai_retention_failed_total", kind="refused rows")
        await one.turn()
        assert jars(storage) == set()
        assert sample("gerai_retention_failed_total", kind="refused rows") - before == 1
        await one.turn()
        assert done == ["broken", "sound", "broken"]

    async def test_while_the_store_is_away_the_rest_is_not_asked(self) -> None:
        storage = MemoryStorage()
        await put(storage, Dated(id="past", tenant="t", filled_at=at(-40)))
        with pytest.raises(NotPrimaryError):
            await beside(storage, "refused", NotPrimaryError("electing")).turn()
        assert jars(storage) == {"past"}

    @pytest.mark.parametrize(
        ("error", "is_stuck"),
        [(OperationFailure("not allowed", 13), True), (NotPrimaryError("electing"), False)],
        ids=["refuses", "is away"],
    )
    async def test_a_store_that_refuses_everything_is_told_and_one_that_is_away_is_not(
        self, error: Exception, is_stuck: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = beside(MemoryStorage(), "*", error)
        monkeypatch.setattr(retention, "LOOK_S", 0.0)
        monkeypatch.setattr(retention, "STANDBY_S", 0.0)
        task = asyncio.create_task(one.run())
        await asyncio.sleep(0)
        one._moved = before = time.monotonic() - 1_000
        failing = one._documents
        assert isinstance(failing, Failing)
        for _ in range(2):
            failing.asked.clear()
            await failing.asked.wait()
        task.cancel()
        await asyncio.wait([task])
        assert (one._moved == before) is is_stuck


class TestTheLibrarysOwnRows:
    async def test_parked_records_that_somebody_reads_stay_however_old(self) -> None:
        old = {"since": datetime.now(UTC) - timedelta(days=91)}
        rows = {
            "read": {"group": "test.note", "topic": HourCounted.topic.name, **old},
            "replayed": {"group": "test.note", "topic": "test.note.replays", **old},
            "topic-gone": {"group": "test.note", "topic": "queue.gone", **old},
            "group-gone": {"group": "test.gone", "topic": HourCounted.topic.name, **old},
            "recent": {"group": "test.gone", "topic": "t", "since": datetime.now(UTC)},
        }
        storage = MemoryStorage()
        writes = [DocumentWrite(collection="parked", id=id, document=one) for id, one in rows.items()]
        await storage.commit(Batch(documents=writes))
        await cleaner(storage, *own_rules([READ], [])).turn()
        assert set(storage.documents["parked"]) == {"read", "replayed", "recent"}
        assert sample("gerai_retention_rows", kind="unread records") == 1

    async def test_timers_that_somebody_handles_stay_however_late(self) -> None:
        storage = MemoryStorage()
        rows = [("handled", -500), ("gone", -500), ("gone", -10)]
        timers = [
            TimerRow(id=f"{name}:{due}", name=name, key=str(due), tenant="t", due=at(due), version=1)
            for name, due in rows
        ]
        await storage.commit(Batch(timers_set=timers))
        await cleaner(storage, *own_rules([], ["handled"])).turn()
        assert set(storage.timers) == {"handled:-500", "gone:-10"}

    async def test_refused_events_are_told_by_a_metric_until_they_go(self) -> None:
        storage, now = MemoryStorage(), datetime.now(UTC)
        ages = {"new": 1, "outbox-over": 4, "over": 181}
        writes = [
            DocumentWrite(
                collection=name, id=id, document={"parked": True, "created_at": now - timedelta(age)}
            )
            for id, age in ages.items()
            for name in ("outbox", "outbox_parked")
        ]
        pending = {"pending": True, "created_at": now - timedelta(days=400)}
        writes.append(DocumentWrite(collection="outbox", id="waits", document=pending))
        await storage.commit(Batch(documents=writes))
        await cleaner(storage, *own_rules([], [])).turn()
        assert set(storage.documents["outbox"]) == {"new", "waits"}
        assert set(storage.documents["outbox_parked"]) == {"new", "outbox-over"}
        assert sample("gerai_retention_rows", kind="refused events") == 2
