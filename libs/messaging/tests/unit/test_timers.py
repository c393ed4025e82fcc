"""Timers on twins: due by business time, once, and a failing one does not hold up the others."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from messaging_builders import NOON, CountingStorage, Tally, context
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect

from gerai.messaging import timers as timing
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import MemoryDueTimers, MemoryLease, MemoryLeases
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Batch, TimerRow
from gerai.messaging.timers import BATCH, FAILED_SHARE, Timers
from gerai.messaging.unit_of_work import UnitOfWork


def row(key: str, *, due: datetime = NOON, name: str = "ring") -> TimerRow:
    return TimerRow(id=f"{name}:{key}", name=name, key=key, tenant="muna-barat", due=due, version=1)


async def ring(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
    if timer.key.startswith("broken"):
        raise ValueError("planted")
    if timer.key == "taken":
        uow.add(Tally(id="unseen", tenant=timer.tenant))
    tally = await uow.find(Tally, timer.key)
    if tally is None:
        tally = Tally(id=timer.key, tenant=timer.tenant)
        uow.add(tally)
    tally.next()
    if timer.key == "again" and tally.count < 3:
        uow.schedule("ring", timer.key, due=timer.due, tenant=timer.tenant)


def rung(storage: MemoryStorage) -> dict[str, int]:
    return {id: tally.count for id, tally in storage.aggregates[Tally].items()}  # type: ignore[attr-defined]


def timers(
    storage: MemoryStorage, commit: GroupCommit, leases: MemoryLeases, token: str, now: datetime
) -> Timers:
    lease = MemoryLease(leases, "timers", token)
    return Timers(MemoryDueTimers(storage), {"ring": ring}, commit=commit, lease=lease, now=lambda: now)


def failures() -> float:
    return REGISTRY.get_sample_value("gerai_timers_total", {"name": "ring", "outcome": "failed"}) or 0.0


class TestTimers:
    async def test_only_what_is_due_fires_and_only_once(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row("a"), row("b", due=NOON + timedelta(seconds=1))]))
        async with GroupCommit(storage, source="test") as commit:
            for _ in range(3):
                await timers(storage, commit, leases, "one", NOON).turn()
        assert rung(storage) == {"a": 1}
        assert set(storage.timers) == {"ring:b"}

    async def test_a_second_process_cannot_fire_what_is_done(self) -> None:
        storage = MemoryStorage()
        await storage.commit(Batch(timers_set=[row("a")]))
        async with GroupCommit(storage, source="test", attempts=2) as commit:
            one = timers(storage, commit, MemoryLeases(), "one", NOON)
            two = timers(storage, commit, MemoryLeases(), "two", NOON)
            stale = await MemoryDueTimers(storage).due(["ring"], NOON, 10, now=NOON)
            await one.turn()
            await two._fire(stale[0])
        assert rung(storage) == {"a": 1}

    async def test_a_failing_timer_waits_and_the_others_fire(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row("broken"), row("a"), row("x", name="nobody")]))
        async with GroupCommit(storage, source="test") as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            await firing.turn()
            await firing.turn()
        assert rung(storage) == {"a": 1}
        assert set(storage.timers) == {"ring:broken", "nobody:x"}

    async def test_one_that_meets_a_key_which_is_taken_rests_as_any_that_fails(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        batch = Batch(timers_set=[row("taken")], added=[Tally(id="unseen", tenant="muna-barat", version=1)])
        await storage.commit(batch)
        async with GroupCommit(storage, source="test", attempts=5) as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            before = failures()
            for _ in range(4):
                await firing.turn()
        assert set(storage.timers) == {"ring:taken"}
        assert failures() - before == 1, "it was tried again without a pause, or in silence"

    async def test_many_that_fail_or_belong_to_nobody_hold_up_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All due before the good ones."""
        monkeypatch.setattr(timing, "FIRST_PAUSE", timing.LONGEST_PAUSE)
        storage, leases = MemoryStorage(), MemoryLeases()
        early = NOON - timedelta(hours=1)
        rows = [row(f"broken{n}", due=early) for n in range(600)]
        rows += [row(f"x{n}", due=early, name="nobody") for n in range(2_000)]
        rows += [row(f"good{n}") for n in range(120)]
        await storage.commit(Batch(timers_set=rows))
        async with GroupCommit(storage, source="test") as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            before = failures()
            for _ in range(1 + (600 + 120) // BATCH):
                await firing.turn()
            assert len(rung(storage)) == 120
            assert failures() - before == 600
            assert await firing.turn() > 0, "nothing may be tried yet: the loop waits"
        assert sum(one.next_try is not None for one in storage.timers.values()) == 600

    async def test_what_failed_is_tried_again_later_and_later_with_what_is_known_of_it(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row("broken")]))
        pauses: list[float] = []
        async with GroupCommit(storage, source="test") as commit:
            for attempt in range(1, 14):
                begun = datetime.now(UTC)
                await timers(storage, commit, leases, "one", NOON).turn()
                (failed,) = storage.timers.values()
                assert failed.next_try is not None
                assert (failed.attempts, "planted" in failed.last_error) == (attempt, True)
                pauses.append((failed.next_try - begun).total_seconds())
                storage.timers[failed.id] = replace(failed, next_try=begun)
        assert 0.7 < pauses[0] < 1.4
        assert 7 * 60 < pauses[-1] < 13 * 60
        assert sorted(pauses[:9]) == pauses[:9]

    async def test_what_failed_before_has_its_places_though_much_is_due(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        again = [replace(row(f"again{n}"), attempts=3, next_try=NOON) for n in range(40)]
        await storage.commit(Batch(timers_set=[row(f"new{n}") for n in range(100)]))
        storage.timers |= {one.id: one for one in again}
        async with GroupCommit(storage, source="test") as commit:
            await timers(storage, commit, leases, "one", NOON).turn()
        assert sum(id.startswith("again") for id in rung(storage)) == FAILED_SHARE
        assert len(rung(storage)) == BATCH

    async def test_setting_it_again_begins_its_attempts_anew(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row("broken")]))

        async def set_again(uow: UnitOfWork) -> None:
            uow.schedule("ring", "broken", due=NOON, tenant="muna-barat")

        async with GroupCommit(storage, source="test") as commit:
            await timers(storage, commit, leases, "one", NOON).turn()
            (failed,) = storage.timers.values()
            await commit.execute(set_again, context=context())
            (anew,) = storage.timers.values()
            await MemoryDueTimers(storage).failed(failed, error="late", next_try=NOON)
        assert (failed.attempts, anew.attempts, anew.next_try) == (1, 0, None)
        assert list(storage.timers.values()) == [anew]

    async def test_a_name_without_a_handler_is_said_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timing, "NAMES_EVERY_S", -1.0)
        storage, leases = MemoryStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row(f"x{n}", name="orphan") for n in range(3)]))
        async with GroupCommit(storage, source="test") as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            for _ in range(3):
                await firing.turn()
        labels = {"name": "orphan", "outcome": "no_handler"}
        assert REGISTRY.get_sample_value("gerai_timers_total", labels) == 1
        assert len(storage.timers) == 3

    async def test_while_the_store_is_away_no_timer_has_failed(self) -> None:
        storage, leases = CountingStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row("a")]))
        storage.broken = AutoReconnect("planted")
        async with GroupCommit(storage, source="test") as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            with pytest.raises(AutoReconnect):
                await firing.turn()
            assert [one.attempts for one in storage.timers.values()] == [0]
            storage.broken = None
            await firing.turn()
        assert rung(storage) == {"a": 1}

    async def test_a_timer_acts_for_its_own_regency(self) -> None:
        storage, seen = MemoryStorage(), list[object]()
        theirs = Tally(id="theirs", tenant="buton", version=1)
        await storage.commit(Batch(timers_set=[row("a")], added=[theirs]))

        async def look(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
            seen.extend([uow.context.tenant, await uow.find(Tally, "theirs")])
            seen.append(await uow.select(Selection(kind=Tally, where={})))

        async with GroupCommit(storage, source="test") as commit:
            lease = MemoryLease(MemoryLeases(), "timers", "one")
            firing = Timers(
                MemoryDueTimers(storage), {"ring": look}, commit=commit, lease=lease, now=lambda: NOON
            )
            await firing.turn()
        assert seen == ["muna-barat", None, []]
        assert storage.timers == {}

    async def test_the_timers_of_a_regency_that_has_used_up_its_places_let_others_go_first(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        early = NOON - timedelta(hours=1)
        flood = [replace(row(f"flood{n}", due=early), tenant="buton") for n in range(2 * BATCH)]
        await storage.commit(Batch(timers_set=[*flood, row("a")]))
        async with GroupCommit(storage, source="test", flow_limit=10) as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            for _ in range(4):
                await firing.turn()
        done = rung(storage)
        assert done.pop("a") == 1
        put_off = [one for one in storage.timers.values() if one.next_try is not None]
        assert len(done) + len(put_off) == 2 * BATCH
        assert put_off
        assert all("TooManyWaiting" in one.last_error for one in put_off)

    async def test_a_timer_may_set_itself_again(self) -> None:
        storage, leases = MemoryStorage(), MemoryLeases()
        await storage.commit(Batch(timers_set=[row("again")]))
        async with GroupCommit(storage, source="test") as commit:
            firing = timers(storage, commit, leases, "one", NOON)
            for _ in range(5):
                await firing.turn()
        assert rung(storage) == {"again": 3}
        assert storage.timers == {}

    async def test_the_last_word_about_a_timer_counts(self) -> None:
        storage = MemoryStorage()

        async def set_it(uow: UnitOfWork) -> None:
            uow.schedule("ring", "a", due=NOON, tenant="muna-barat")

        async def cancel_it(uow: UnitOfWork) -> None:
            uow.cancel_timer("ring", "a")

        async with GroupCommit(storage, source="test") as commit:
            for commands in ((set_it, cancel_it), (cancel_it, set_it), (set_it, cancel_it)):
                await asyncio.gather(*(commit.execute(one, context=context()) for one in commands))
                assert bool(storage.timers) is (commands[-1] is set_it)

    async def test_one_that_is_cancelled_and_set_again_by_one_command_stands(self) -> None:
        storage = MemoryStorage()
        await storage.commit(Batch(timers_set=[row("a")]))
        later = NOON + timedelta(days=1)

        async def begin_anew(uow: UnitOfWork) -> None:
            uow.cancel_timer("ring", "a")
            uow.schedule("ring", "a", due=later, tenant="muna-barat")

        async with GroupCommit(storage, source="test") as commit:
            await commit.execute(begin_anew, context=context())
        assert [one.due for one in storage.timers.values()] == [later]
