"""What a subscriber says of itself: is it behind, does it move, is it worth a restart?"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError
from messaging_builders import NOON, CountingStorage, JarFilled, records, sample
from messaging_clock import Clock, more, more_than_enough, running
from pymongo.errors import AutoReconnect, OperationFailure

from gerai.chassis.testing import eventually
from gerai.contracts.event import Envelope
from gerai.messaging import consumer as consuming
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.kafka import subscriber as subscribing
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.subscriber import Subscriber
from gerai.messaging.memory.relaying import MemoryParkedRecords
from gerai.messaging.parking import Lane, Parking
from gerai.messaging.record import Record
from gerai.messaging.unit_of_work import UnitOfWork

GROUP = "test.progress"
PLACE = TopicPartition("t", 0)


class Client:
    """aiokafka's consumer of one partition, as far as a subscriber asks it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        """What the next poll brings."""
        self.end = 0
        self.at = 0
        self.polled = 0
        self.started = 0
        self.ends_fail: Exception | None = None
        self.poll_fails: Exception | None = None
        self.hangs = False
        self.kept_alive = 0
        self._client = self._subscription = self

    @contextmanager
    def fetch_context(self) -> Iterator[None]:
        self.kept_alive += 1
        yield

    def subscribe(self, **_: Any) -> None: ...

    async def start(self) -> None:
        self.started += 1

    async def stop(self) -> None: ...

    async def close(self) -> None: ...

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {PLACE.partition} if topic == PLACE.topic else None

    def paused(self) -> set[TopicPartition]:
        return set()

    async def end_offsets(self, _: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        if self.ends_fail is not None:
            raise self.ends_fail
        return {PLACE: self.end}

    async def position(self, _: TopicPartition) -> int:
        return self.at

    async def commit(self, _: Any) -> None: ...

    async def getmany(self, *_: Any, **__: Any) -> dict[TopicPartition, list[Record]]:
        self.polled += 1
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.poll_fails is not None:
            raise self.poll_fails
        came, self.records = self.records, []
        self.at += len(came)
        return {PLACE: came} if came else {}


class ParkedRecords(MemoryParkedRecords):
    """The twin, which can be out of reach."""

    asked = 0
    fails: Exception | None = None

    async def lanes(self, group: str) -> Mapping[str, Lane]:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return await super().lanes(group)


class Reader:
    """A subscriber with all that it stands on; its handler does nothing, and not before it `goes_on`."""

    def __init__(self, client: Client, storage: CountingStorage, commit: GroupCommit) -> None:
        self.client = client
        self.storage = storage
        self.handled = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        subscription = Subscription(group=GROUP, handlers={JarFilled: self.handle})
        self.parked = ParkedRecords(storage)
        parking = Parking(GROUP, self.parked)
        consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: NOON)
        self.subscriber = Subscriber(consumer, kafka=KafkaConnection(bootstrap="nowhere"), client_id=GROUP)

    async def handle(self, event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        self.handled += 1
        await self.goes_on.wait()

    async def is_behind(self) -> None:
        """By three records, which the client does not bring."""
        self.client.end = 3
        await eventually(self.lag, lambda seen: seen == 3, because="it measures how far it is behind")

    async def is_stuck(self) -> bool:
        return bool(self.subscriber.progress())

    async def lag(self) -> int | None:
        return self.subscriber.lag


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (subscribing, consuming):
        monkeypatch.setattr(module, "time", made)
    monkeypatch.setattr(consuming, "LONGEST_BACKOFF_S", 0.001)
    return made


@pytest.fixture
async def reader(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    client, storage = Client(), CountingStorage()
    monkeypatch.setattr(subscribing, "AIOKafkaConsumer", lambda **_: client)
    monkeypatch.setattr(subscribing, "LAG_EVERY_S", -1.0)
    monkeypatch.setattr(subscribing, "LONGEST_PAUSE_S", 0.01)
    async with GroupCommit(storage, source="test") as commit:
        yield Reader(client, storage, commit)


class TestProgress:
    async def test_who_is_behind_and_does_not_move_is_named_until_it_moves(
        self, clock: Clock, reader: Reader
    ) -> None:
        client, subscriber = reader.client, reader.subscriber
        async with running(subscriber):
            await reader.is_behind()
            assert sample("gerai_consumer_lag", group=GROUP) == 3
            assert subscriber.progress() == {}
            more_than_enough(clock, subscribing)
            await more(lambda: client.polled)
            assert subscriber.progress() == {GROUP: "lag 3, nothing moved for 241 s"}
            client.records = records("a")
            await eventually(reader.lag, lambda seen: seen == 2, because="it moves")
            assert subscriber.progress() == {}
            client.records = records("b", "c", start=1)
            await eventually(reader.lag, lambda seen: seen == 0, because="all is handled")
            assert sample("gerai_consumer_lag", group=GROUP) == 0
            more_than_enough(clock, subscribing)
            await more(lambda: client.polled)
            assert subscriber.progress() == {}

    async def test_a_poll_that_hangs_is_named(self, clock: Clock, reader: Reader) -> None:
        reader.client.hangs = True
        async with running(reader.subscriber):
            await more(lambda: reader.client.polled, 1)
            assert reader.subscriber.progress() == {}
            more_than_enough(clock, subscribing)
            assert reader.subscriber.progress() == {GROUP: "hangs for 241 s"}

    async def test_a_handler_that_hangs_is_named(self, clock: Clock, reader: Reader) -> None:
        reader.goes_on.clear()
        reader.client.records = records("a")
        async with running(reader.subscriber):
            await more(lambda: reader.handled, 1)
            assert reader.subscriber.progress() == {}
            more_than_enough(clock, subscribing)
            assert reader.subscriber.progress() == {GROUP: "hangs for 241 s"}
            reader.goes_on.set()

    async def test_a_broker_that_is_away_is_no_reason_to_restart(self, clock: Clock, reader: Reader) -> None:
        client = reader.client
        async with running(reader.subscriber):
            await reader.is_behind()
            client.poll_fails = KafkaConnectionError("planted")
            more_than_enough(clock, subscribing)
            await more(lambda: client.started, 1)
            assert reader.subscriber.progress() == {}

    async def test_nor_is_one_that_brings_nothing_and_does_not_say_how_much_there_is(
        self, clock: Clock, reader: Reader
    ) -> None:
        """So aiokafka shows a broker that went away: its polls come back empty."""
        client = reader.client
        async with running(reader.subscriber):
            await reader.is_behind()
            client.ends_fail = KafkaTimeoutError("planted")
            more_than_enough(clock, subscribing)
            await more(lambda: client.polled)
            assert reader.subscriber.progress() == {}

    async def test_a_store_that_is_away_is_no_reason_to_restart(self, clock: Clock, reader: Reader) -> None:
        reader.storage.broken = AutoReconnect("planted")
        reader.client.records = records("a")
        async with running(reader.subscriber):
            await more(lambda: reader.storage.tries)
            more_than_enough(clock, subscribing)
            await more(lambda: reader.storage.tries)
            assert reader.subscriber.progress() == {}
            reader.storage.broken = None
            await eventually(reader.lag, lambda seen: seen == 0, because="it goes on by itself")

    async def test_a_store_that_is_away_costs_no_connection(self, clock: Clock, reader: Reader) -> None:
        """A new one would be a new member, and the whole group would deal its partitions out again."""
        reader.storage.broken = AutoReconnect("planted")
        reader.parked.fails = AutoReconnect("planted")
        reader.client.records = records("a")
        async with running(reader.subscriber):
            await more(lambda: reader.parked.asked, 3)
            reader.parked.fails = None
            await more(lambda: reader.storage.tries, 3)
            reader.storage.broken = None
            await eventually(reader.lag, lambda seen: seen == 0, because="it goes on by itself")
        assert reader.client.started == 1

    async def test_its_place_is_kept_while_nothing_is_polled_and_not_when_it_is_stuck(
        self, clock: Clock, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscribing, "KEEP_PLACE_EVERY_S", 0.01)
        reader.storage.broken = AutoReconnect("planted")
        reader.client.records = records("a")
        async with running(reader.subscriber):
            await more(lambda: reader.storage.tries)
            polled = reader.client.polled
            await more(lambda: reader.client.kept_alive, 5)
            assert reader.client.polled == polled
            reader.storage.broken = None
            await eventually(reader.lag, lambda seen: seen == 0, because="it goes on by itself")
            reader.client.hangs = True
            await more(lambda: reader.client.polled, 1)
            more_than_enough(clock, subscribing)
            alive = reader.client.kept_alive
            await eventually(reader.is_stuck, bool, because="a poll that hangs is named")
            assert reader.client.kept_alive <= alive + 1

    async def test_a_store_that_refuses_us_is_named_though_each_connection_begins_well(
        self, clock: Clock, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscribing, "PARKED_EVERY_S", -1.0)
        reader.parked.fails = OperationFailure("not allowed", 13)
        async with running(reader.subscriber):
            await more(lambda: reader.client.started)
            assert reader.subscriber.progress() == {}
            more_than_enough(clock, subscribing)
            await more(lambda: reader.client.started)
            assert reader.subscriber.progress() == {GROUP: "fails for 241 s, though all answer"}
            reader.parked.fails = None
            await more(lambda: reader.client.polled)
            clock.now += subscribing.SETTLED_S + 1
            await more(lambda: reader.client.polled)
            assert reader.subscriber.progress() == {}
