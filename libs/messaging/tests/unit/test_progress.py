"""Liveness is progress: each loop says when it hangs or gets nowhere, and keeps quiet while others are away."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

import pytest
from aiokafka.errors import KafkaConnectionError
from messaging_builders import NOON, CountingStorage, Jar, context
from messaging_clock import Clock, more, more_than_enough, running
from pymongo.errors import AutoReconnect, OperationFailure

from gerai.chassis.testing import eventually
from gerai.messaging import group_commit as committing
from gerai.messaging import relay as relaying
from gerai.messaging import timers as timing
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import (
    MemoryBroker,
    MemoryDueTimers,
    MemoryLease,
    MemoryLeases,
    MemoryOutbox,
)
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.outbox import Pending
from gerai.messaging.relay import Relay
from gerai.messaging.storage import Batch, TimerRow
from gerai.messaging.timers import Timers
from gerai.messaging.unit_of_work import UnitOfWork


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (relaying, timing, committing):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaying, "LONGEST_PAUSE_S", 0.02)
    monkeypatch.setattr(timing, "STANDBY_S", 0.001)
    monkeypatch.setattr(timing, "POLL_S", 0.001)


async def fill(uow: UnitOfWork) -> None:
    jar = await uow.find(Jar, "j1")
    if jar is None:
        jar = Jar(id="j1", tenant="muna-barat", room=1_000)
        uow.add(jar)
    jar.fill()


async def filled(storage: MemoryStorage, times: int) -> None:
    async with GroupCommit(storage, source="test") as commit:
        for _ in range(times):
            await commit.execute(fill, context=context())


class Outbox(MemoryOutbox):
    """The twin, which can be out of reach or never answer."""

    asked = 0
    fails: Exception | None = None
    hangs = False

    async def pending(
        self, limit: int, *, beyond: Sequence[Pending] = (), resting: Collection[str] = ()
    ) -> list[Pending]:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        return await super().pending(limit, beyond=beyond, resting=resting)


class Broker(MemoryBroker):
    is_away = False

    async def connect(self) -> "Broker":
        self.publishers += 1
        if self.is_away:
            raise KafkaConnectionError("planted")
        return self


class TestRelay:
    @pytest.fixture
    async def outbox(self) -> Outbox:
        storage = MemoryStorage()
        await filled(storage, 50)
        return Outbox(storage)

    @pytest.fixture
    def broker(self) -> Broker:
        return Broker()

    @pytest.fixture
    def relay(self, clock: Clock, outbox: Outbox, broker: Broker) -> Relay:
        return Relay(outbox, broker.connect, MemoryLease(MemoryLeases(), "relay", "a"))

    async def test_a_loop_that_hangs_is_named(self, clock: Clock, outbox: Outbox, relay: Relay) -> None:
        outbox.hangs = True
        async with running(relay):
            await more(lambda: outbox.asked, 1)
            assert relay.progress() == {}
            more_than_enough(clock, relaying)
            assert relay.progress() == {"relay": "has not moved for 121 s"}

    async def test_a_broker_that_answers_and_acknowledges_nothing_is_named(
        self, clock: Clock, outbox: Outbox, broker: Broker, relay: Relay
    ) -> None:
        broker.fails = 1_000_000
        async with running(relay):
            await more(lambda: broker.publishers)
            assert relay.progress() == {}
            more_than_enough(clock, relaying)
            await more(lambda: broker.publishers)
            assert relay.progress() == {"relay": "nothing was acknowledged for 121 s"}
            broker.fails = 0
            await eventually(outbox.backlog, lambda left: left == 0, because="it is well again")
            assert relay.progress() == {}

    async def test_a_broker_that_takes_little_at_a_time_is_slow_and_not_stuck(
        self, clock: Clock, broker: Broker, relay: Relay
    ) -> None:
        broker.fails, broker.acknowledges = 1_000_000, 1
        async with running(relay):
            for _ in range(2):
                await more(lambda: broker.publishers)
                more_than_enough(clock, relaying)
            await more(lambda: broker.publishers)
            assert relay.progress() == {}

    async def test_a_broker_that_is_away_is_no_reason_to_restart(
        self, clock: Clock, broker: Broker, relay: Relay
    ) -> None:
        broker.fails = 1_000_000
        async with running(relay):
            await more(lambda: broker.publishers)
            broker.is_away = True
            await more(lambda: broker.publishers)
            more_than_enough(clock, relaying)
            await more(lambda: broker.publishers)
            assert relay.progress() == {}

    async def test_a_store_that_is_away_is_no_reason_to_restart(
        self, clock: Clock, outbox: Outbox, relay: Relay
    ) -> None:
        outbox.fails = AutoReconnect("planted")
        async with running(relay):
            await more(lambda: outbox.asked)
            more_than_enough(clock, relaying)
            await more(lambda: outbox.asked)
            assert relay.progress() == {}

    async def test_a_store_that_refuses_us_is_named(self, clock: Clock, outbox: Outbox, relay: Relay) -> None:
        outbox.fails = OperationFailure("not allowed", 13)
        async with running(relay):
            await more(lambda: outbox.asked)
            assert relay.progress() == {}
            more_than_enough(clock, relaying)
            await more(lambda: outbox.asked)
            assert relay.progress() == {"relay": "has not moved for 121 s"}
            outbox.fails = None
            await more(lambda: outbox.asked)
            assert relay.progress() == {}


class DueTimers(MemoryDueTimers):
    """The twin, which can be out of reach or never answer."""

    asked = 0
    fails: Exception | None = None
    hangs = False

    async def due(self, names: Collection[str], at: datetime, limit: int, *, now: datetime) -> list[TimerRow]:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        return await super().due(names, at, limit, now=now)


class TestTimers:
    @pytest.fixture
    def due(self) -> DueTimers:
        return DueTimers(MemoryStorage())

    @pytest.fixture
    def timers(self, clock: Clock, due: DueTimers) -> Timers:
        commit = GroupCommit(MemoryStorage(), source="test")
        lease = MemoryLease(MemoryLeases(), "timers", "a")
        return Timers(due, {}, commit=commit, lease=lease, now=lambda: NOON)

    async def test_a_loop_that_hangs_is_named(self, clock: Clock, due: DueTimers, timers: Timers) -> None:
        async with running(timers):
            await more(lambda: due.asked)
            due.hangs = True
            await more(lambda: due.asked, 1)
            assert timers.progress() == {}
            more_than_enough(clock, timing)
            assert timers.progress() == {"timers": "silent for 241 s"}

    async def test_to_have_nothing_to_do_is_no_reason_to_restart(
        self, clock: Clock, due: DueTimers, timers: Timers
    ) -> None:
        async with running(timers):
            more_than_enough(clock, timing)
            await more(lambda: due.asked)
            assert timers.progress() == {}

    async def test_a_store_that_is_away_is_no_reason_to_restart(
        self, clock: Clock, due: DueTimers, timers: Timers
    ) -> None:
        due.fails = AutoReconnect("planted")
        async with running(timers):
            await more(lambda: due.asked)
            more_than_enough(clock, timing)
            await more(lambda: due.asked)
            assert timers.progress() == {}


class Slow(CountingStorage):
    """The twin, which does not answer before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.goes_on = asyncio.Event(), asyncio.Event()

    async def commit(self, batch: Batch) -> None:
        self.asked.set()
        await self.goes_on.wait()
        await super().commit(batch)


class TestGroupCommit:
    @pytest.mark.parametrize("callers", [1, 3])
    async def test_commands_that_wait_while_nothing_moves_are_named(self, clock: Clock, callers: int) -> None:
        storage = Slow()
        async with GroupCommit(storage, source="test") as commit:
            waiting = [asyncio.create_task(commit.execute(fill, context=context()))]
            await storage.asked.wait()
            waiting += [
                asyncio.create_task(commit.execute(fill, context=context())) for _ in range(callers - 1)
            ]
            await asyncio.sleep(0)
            assert commit.progress() == {}
            more_than_enough(clock, committing)
            assert commit.progress() == {"group-commit": f"{callers} wait, nothing moved for 241 s"}
            storage.goes_on.set()
            await asyncio.gather(*waiting)
            assert commit.progress() == {}

    async def test_who_comes_after_a_silence_does_not_make_it_a_standstill(self, clock: Clock) -> None:
        """Not even at the moment before the first command is looked at."""
        async with GroupCommit(MemoryStorage(), source="test") as commit:
            more_than_enough(clock, committing)
            assert commit.progress() == {}
            first = asyncio.create_task(commit.execute(fill, context=context()))
            await asyncio.sleep(0)
            assert commit.progress() == {}
            await first

    async def test_a_store_that_is_away_is_no_reason_to_restart(self, clock: Clock) -> None:
        storage = CountingStorage()
        storage.broken = AutoReconnect("planted")
        async with GroupCommit(storage, source="test") as commit:
            for _ in range(2):
                with pytest.raises(AutoReconnect):
                    await commit.execute(fill, context=context())
                more_than_enough(clock, committing)
                assert commit.progress() == {}
