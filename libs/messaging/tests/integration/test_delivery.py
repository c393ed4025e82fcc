"""From one service's commands to another's effects, on real MongoDB and Kafka, whatever goes wrong between."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from messaging_builders import NOON, JarFilled, sample
from messaging_ground import (
    Side,
    dead_letters,
    note,
    own_topic,
    read_all,
    running,
    send_raw,
    sides,
    stopped,
)
from tests.parts import Broker

from gerai.chassis.testing import eventually
from gerai.contracts.codec import encode
from gerai.contracts.event import Envelope, Topic
from gerai.messaging import relay
from gerai.messaging.kafka import publisher, subscriber, topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.mongo.driver import Driver
from gerai.messaging.outcomes import Park
from gerai.messaging.unit_of_work import UnitOfWork

MEGABYTE = 1024 * 1024


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic of this test alone, which its events go to."""
    made = own_topic(max_bytes=4 * MEGABYTE)
    monkeypatch.setattr(JarFilled, "topic", made)
    return made


@pytest.fixture(params=list(Driver), ids=lambda driver: driver.value)
async def two_sides(
    request: pytest.FixtureRequest, mongodb_uri: str, kafka_bootstrap: str, topic: Topic
) -> AsyncIterator[list[Side]]:
    async with sides(mongodb_uri, kafka_bootstrap, request.param, topic) as made:
        yield made


@pytest.fixture
async def plain_sides(
    mongodb_uri: str, kafka_bootstrap: str, driver: Driver, topic: Topic
) -> AsyncIterator[list[Side]]:
    """With the one driver that the run was asked for."""
    async with sides(mongodb_uri, kafka_bootstrap, driver, topic) as made:
        yield made


@pytest.fixture
async def sides_on_our_broker(
    mongodb_uri: str, broker: Broker, driver: Driver, topic: Topic
) -> AsyncIterator[list[Side]]:
    """On the Kafka that may be stopped."""
    async with sides(mongodb_uri, broker.bootstrap, driver, topic) as made:
        yield made


def record(subject: str, sequence: int = 1) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    from uuid import NAMESPACE_OID, uuid5

    return encode(
        Envelope(
            id=uuid5(NAMESPACE_OID, f"{subject}:{sequence}"),
            source="/gerai/test",
            subject=subject,
            sequence=sequence,
            time=NOON,
            correlation_id="c",
            causation_id=None,
            event=JarFilled(tenant="muna-barat", jar_id=subject, filled=sequence),
        )
    )


class TestDelivery:
    async def test_every_event_takes_effect_once_and_in_order(self, two_sides: list[Side]) -> None:
        here, there = two_sides
        async with running(here.relay(), there.subscriber()):
            last = await here.fill(jars=20, times=15)
            await there.expect_pages(last)
        assert await here.pending() == 0

    async def test_what_is_delivered_again_has_no_second_effect(
        self, plain_sides: list[Side], topic: Topic
    ) -> None:
        _, there = plain_sides
        events = [record("jar", 1), record("jar", 2)]
        await send_raw(there.bootstrap, topic.name, [*events, *events, events[1], record("jar", 3)])
        async with running(there.subscriber()):
            await there.expect_pages({"jar": 3})

    async def test_how_far_it_is_behind_is_shown_while_it_catches_up(
        self, plain_sides: list[Side], topic: Topic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Record by record here, and measured before each."""
        monkeypatch.setattr(subscriber, "POLL_RECORDS", 1)
        monkeypatch.setattr(subscriber, "LAG_EVERY_S", -1.0)
        _, there = plain_sides
        seen: list[float] = []

        async def lag() -> float:
            return sample("gerai_consumer_lag", group=there.group)

        async def look(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
            if len(seen) < envelope.sequence:  # a handler may run again
                seen.append(await lag())
            await note(event, envelope, uow=uow, at=at)

        await send_raw(there.bootstrap, topic.name, [record("jar", number) for number in (1, 2, 3)])
        async with running(there.subscriber(look)):
            await there.expect_pages({"jar": 3})
            await eventually(lag, lambda left: left == 0, because="nothing is left")
        assert seen[1:] == [2, 1]  # before the first there may have been no partition yet


class RawName(str):
    """A header's name as a stranger's client might send it."""

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


async def send_unreadable(bootstrap: str, topic: str, *, partition: int, before: list[Any]) -> None:
    """Good records, and behind them, in the same batch, one that aiokafka cannot take apart."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(
            magic=2,
            compression_type=0,
            is_transactional=0,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=MEGABYTE,
        )
        for key, value, headers in before:
            batch.append(timestamp=None, key=key, value=value, headers=headers)
        key, value, headers = record("never")
        batch.append(timestamp=None, key=key, value=value, headers=[*headers, (RawName("x"), b"")])
        await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()


class TestUnreadable:
    async def test_what_the_client_cannot_take_apart_holds_up_its_own_partition_alone(
        self, plain_sides: list[Side], topic: Topic
    ) -> None:
        _, there = plain_sides
        await send_unreadable(there.bootstrap, topic.name, partition=1, before=[record("before")])
        reader = there.subscriber()
        assert sample("gerai_consumer_unreadable_partitions_total", group=there.group) == 0
        async with running(reader):
            await send_raw(there.bootstrap, topic.name, [record("other", 1), record("other", 2)])
            await there.expect_pages({"before": 1, "other": 2})
            await send_raw(there.bootstrap, topic.name, [record("other", 3)])
            await there.expect_pages({"before": 1, "other": 3})
        assert reader.progress() == {}
        assert sample("gerai_consumer_unreadable_partitions_total", group=there.group) == 1


class TestClientThatEndsBadly:
    async def test_a_stop_that_cancels_itself_does_not_end_the_consuming(
        self, plain_sides: list[Side], topic: Topic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """aiokafka's does so when a broker died while a commit was on its way."""
        _, there = plain_sides
        poll, stop = AIOKafkaConsumer.getmany, AIOKafkaConsumer.stop
        broken, cancelled = asyncio.Event(), asyncio.Event()

        async def breaks_once(self: AIOKafkaConsumer, *places: Any, **limits: Any) -> Any:
            if not broken.is_set():
                broken.set()
                raise KafkaConnectionError("planted")
            return await poll(self, *places, **limits)

        async def cancels_itself_once(self: AIOKafkaConsumer) -> None:
            await stop(self)
            if not cancelled.is_set():
                cancelled.set()
                raise asyncio.CancelledError

        monkeypatch.setattr(AIOKafkaConsumer, "getmany", breaks_once)
        monkeypatch.setattr(AIOKafkaConsumer, "stop", cancels_itself_once)
        await send_raw(there.bootstrap, topic.name, [record("jar", 1)])
        async with running(there.subscriber()):
            await there.expect_pages({"jar": 1})
        assert cancelled.is_set()


class TestRebalance:
    async def test_processes_come_and_go_under_load(self, two_sides: list[Side]) -> None:
        here, there = two_sides
        subscribers = [there.subscriber() for _ in range(4)]
        async with running(here.relay(), subscribers[0]) as tasks:
            last: dict[str, int] = {}
            for number, joining in enumerate(subscribers[1:]):
                last |= await here.fill(jars=15, times=10, prefix=f"load{number}")
                tasks.append(asyncio.create_task(joining.run()))
                await eventually(
                    there.pages,
                    lambda seen, n=number: any(page.startswith(f"load{n}") for page in seen),
                    because="the load flows",
                    within=60,
                )
                await stopped(tasks.pop(1))
            await there.expect_pages(last)
            await stopped(*tasks[1:])

    async def test_parked_keys_move_to_the_next_owner(self, plain_sides: list[Side]) -> None:
        here, there = plain_sides
        open_now = asyncio.Event()

        async def hesitant(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
            if envelope.subject == "jar-0" and not open_now.is_set():
                raise Park("jar-0 is not known here yet")
            await note(event, envelope, uow=uow, at=at)

        async with running(here.relay()):
            async with running(there.subscriber(hesitant)):
                last = await here.fill(jars=4, times=3)
                others = {jar: version for jar, version in last.items() if jar != "jar-0"}
                await there.expect_pages(others)
            async with running(there.subscriber(hesitant)):
                open_now.set()
                await there.expect_pages({**others, "jar-0": 3})
        assert await there.database["parked"].count_documents({}) == 0


class TestPoison:
    async def test_it_goes_to_dead_letters_with_its_bytes_and_the_partition_flows(
        self, two_sides: list[Side], topic: Topic
    ) -> None:
        _, there = two_sides
        _, _, worn = record("x")

        def typed(type: bytes) -> list[tuple[str, bytes]]:
            return [(name, type if name == "ce_type" else raw) for name, raw in worn]

        poison: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
            (b"p1", b"not json", worn),
            (b"p2", b"{}", typed(b"nobody.knows.v1")),
            (b"p3", b"{}", typed(b"test.jar-filled.v9")),
            (b"p4", b"{" + b" " * (MEGABYTE + MEGABYTE // 2) + b"}", worn),
            (b"p5", b"{}", []),
            (None, b"\xff\xfe", [("ce_type", b"\xff")]),
        ]
        await send_raw(there.bootstrap, topic.name, [record("jar", 1), *poison, record("jar", 2)])
        async with running(there.relay(), there.subscriber()):
            await there.expect_pages({"jar": 2})
            dead = await dead_letters(there, count=len(poison))
        dead.sort(key=lambda one: int(dict(one.headers)["dead_offset"]))
        reasons = [dict(one.headers)["dead_reason"].decode() for one in dead]
        assert reasons == [
            "not_json", "unknown_type", "future_version", "too_large", "missing_header", "bad_header"
        ]  # fmt: skip
        assert [one.value for one in dead] == [value for _, value, _ in poison]
        assert [one.key for one in dead] == [key or b"" for key, _, _ in poison]
        for one, (_, _, headers) in zip(dead, poison, strict=True):
            assert set(headers) <= set(one.headers)
            assert dict(one.headers)["dead_topic"] == topic.name.encode()


class TestRelay:
    async def test_two_relays_take_turns(self, two_sides: list[Side]) -> None:
        here, there = two_sides
        first, second = here.relay(lease_s=1.0), here.relay(lease_s=1.0)
        async with running(first, second, there.subscriber()) as tasks:
            last = await here.fill(jars=10, times=10, prefix="both")
            await stopped(tasks.pop(0))
            last |= await here.fill(jars=10, times=10, prefix="second")
            await there.expect_pages(last)
        assert await here.pending() == 0

    async def test_a_producer_that_breaks_is_replaced(self, plain_sides: list[Side], topic: Topic) -> None:
        here, there = plain_sides
        relaying = here.relay()
        async with running(relaying, there.subscriber()):
            last = await here.fill(jars=5, times=2, prefix="before")
            await there.expect_pages(last)
            broken = relaying._publisher
            assert isinstance(broken, publisher.KafkaPublisher)
            # what a leader outage can leave behind: a gap in the sequence, which the broker refuses for ever
            manager = broken._producer._txn_manager
            for partition in range(topic.partitions):
                manager.increment_sequence_number(topics_partition(topic, partition), 1_000)
            last |= await here.fill(jars=5, times=2, prefix="after")
            await there.expect_pages(last)
            assert relaying._publisher is not broken

    async def test_a_broker_that_freezes_delays_and_loses_nothing(
        self, sides_on_our_broker: list[Side], broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(publisher, "SEND_S", 1.0)
        here, there = sides_on_our_broker
        relaying = here.relay()
        async with running(relaying, there.subscriber()):
            last = await here.fill(jars=5, times=2, prefix="before")
            await there.expect_pages(last)
            broker.freeze()
            try:
                last |= await here.fill(jars=5, times=4, prefix="frozen")
                before = relaying._failures
                await eventually(
                    lambda: _now(relaying._failures), lambda seen: seen > before + 1,
                    because="the relay gives its producer up", within=60,
                )  # fmt: skip
                assert relaying.progress() == {}
            finally:
                broker.thaw()
            last |= await here.fill(jars=5, times=2, prefix="after")
            await there.expect_pages(last)
        assert await here.pending() == 0

    async def test_a_missing_topic_waits_and_the_others_flow(
        self, plain_sides: list[Side], topic: Topic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, there = plain_sides
        missing = own_topic()
        monkeypatch.setattr(JarFilled, "topic", missing)
        monkeypatch.setattr(relay, "MEASURE_S", 0.0)
        early = await here.fill(jars=3, times=2, prefix="early")
        an_hour_ago = {"$set": {"created_at": datetime.now(UTC) - timedelta(hours=1)}}
        await here.database["outbox"].update_many({}, an_hour_ago)
        monkeypatch.setattr(JarFilled, "topic", topic)
        async with running(here.relay(), there.subscriber()):
            late = await here.fill(jars=3, times=2, prefix="late")
            await there.expect_pages(late)
            waiting = sum(early.values())
            await eventually(here.pending, lambda left: left == waiting, because="only those wait")
            assert sample("gerai_outbox_oldest_seconds") == pytest.approx(3_600, abs=300)
            await topics.ensure(KafkaConnection(bootstrap=here.bootstrap), [missing], create=True)
            await eventually(
                here.pending, lambda left: left == 0, because="the topic is there now", within=60
            )
            await eventually(oldest, lambda age: age == 0, because="nothing waits any more")
        assert len(await read_all(here.bootstrap, missing.name)) == sum(early.values())

    async def test_what_the_broker_refuses_for_good_is_parked(
        self, plain_sides: list[Side], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, _ = plain_sides
        narrow = own_topic(max_bytes=20_000)
        await topics.ensure(KafkaConnection(bootstrap=here.bootstrap), [narrow], create=True)
        monkeypatch.setattr(JarFilled, "topic", narrow)
        last = await here.fill(jars=3, times=2)
        first = await here.database["outbox"].find_one({"aggregate": "jars:jar-0", "version": 1})
        assert first is not None
        await here.database["outbox"].update_one(
            {"_id": first["_id"]}, {"$set": {"body": b'{"x":"' + b"x" * 50_000 + b'"}'}}
        )
        async with running(here.relay()):
            await eventually(here.pending, lambda left: left == 0, because="the others leave", within=60)
        assert len(await read_all(here.bootstrap, narrow.name)) == sum(last.values()) - 1
        parked = await here.database["outbox_parked"].find({}).to_list(None)
        assert [(one["_id"], one["reason"]) for one in parked] == [(first["_id"], "too_large")]


async def oldest() -> float:
    return sample("gerai_outbox_oldest_seconds")


def topics_partition(topic: Topic, partition: int) -> object:
    from aiokafka import TopicPartition

    return TopicPartition(topic.name, partition)


async def _now(value: int) -> int:
    return value
