"""Figures of events on their way: consuming, from commit to another service, the relay."""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

import psutil

from bench.bare import bare_loop
from bench.figure import Figure
from bench.hall import SITE, service_ids
from bench.http_load import Connection, Request, percentile
from bench.processors import Stretch
from gerai.contracts.codec import encode, headers_of
from gerai.contracts.event import Cleanup, Envelope, Topic
from gerai.contracts.queue import PriorityClass, TicketIssued, TicketState
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.dead_letters import group_topics
from gerai.messaging.encoding import outbox_document
from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.publisher import KafkaPublisher
from gerai.messaging.kafka.subscriber import Subscriber
from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.outbox import MongoOutbox
from gerai.messaging.mongo.parked import MongoParkedRecords
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.outbox import Publisher
from gerai.messaging.parking import Parking
from gerai.messaging.relay import Relay
from gerai.messaging.storage import OutboxRow
from gerai.messaging.unit_of_work import UnitOfWork
from local.platform import Platform

CONSUMED = 20_000
RELAYED = 100_000
RATE = 200
FLAT_MB = 50
"""Two batches in hand and what Python keeps of them; the rows themselves are 200 MB."""
SECONDS = 10.0


def _kafka(platform: Platform) -> KafkaConnection:
    return KafkaConnection(bootstrap=platform.kafka_bootstrap)


def _topic(name: str) -> Topic:
    return Topic(
        name=name, key="ticket id", partitions=12, retention_days=1, cleanup=Cleanup.DELETE, owner="bench"
    )


class Counter(Aggregate):
    """The effect that consume_effect writes: one update for each event."""

    collection: ClassVar[str] = "bench_counters"
    warm: ClassVar[bool] = True

    seen: int = 0


class Issued(TicketIssued, type="bench.ticket-issued.v1", topic=_topic("bench.tickets")):
    """Stands on a topic of its own in each measurement."""


def _ticket(number: int) -> Envelope:
    event = Issued(
        tenant="bench",
        site_id=SITE,
        counter_id="c0",
        service_id="s0",
        ticket_id=str(uuid.uuid4()),
        number=f"A-{number:03d}",
        local_day="2026-11-25",
        leg=1,
        priority_class=PriorityClass.REGULAR,
        from_state=None,
        to_state=TicketState.WAITING,
        actor="kiosk",
    )
    return Envelope(
        id=uuid.uuid4(),
        source="/gerai/bench",
        subject=event.ticket_id,
        sequence=1,
        time=datetime.now(UTC),
        correlation_id="bench",
        causation_id=None,
        event=event,
    )


async def consume_effect(platform: Platform, yardstick: Database, driver: Driver) -> Figure:
    """Events through a consumer with inbox row and one update each, against the bare loop."""
    bare = await bare_loop(yardstick, tasks=64, seconds=4)
    topic = _topic(f"bench.consume-{uuid.uuid4().hex[:6]}")
    await topics.ensure(_kafka(platform), [topic], create=True)
    Issued.topic = topic
    await _fill(platform, topic.name)
    database = connect(platform.mongodb_uri, "bench_consume", driver=driver)
    storage = MongoStorage(database)
    await storage.prepare()

    async def count(event: Issued, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        id = event.ticket_id[:3]
        counter = await uow.find(Counter, id)
        if counter is None:
            counter = Counter(id=id, tenant="bench")
            uow.add(counter)
        counter.seen += 1

    subscription = _Reading(
        group=f"bench.{uuid.uuid4().hex[:6]}",
        handlers={Issued: count},
        needs=lambda envelope: Needs(aggregates=[(Counter, str(envelope.subject)[:3])]),
        of=topic.name,
    )
    await topics.ensure(_kafka(platform), group_topics(subscription.group), create=True)
    async with GroupCommit(storage, source="/gerai/bench") as commit:
        stretch = Stretch(platform).begin()
        await _consume(platform, database, subscription, commit, CONSUMED)
        stretch.end()
    again = await bare_loop(yardstick, tasks=64, seconds=4)
    total = sum([one["seen"] async for one in database["bench_counters"].find({})])
    await database.drop()
    await database.close()
    rate = (bare.per_second + again.per_second) / 2
    return Figure(
        id="consume_effect",
        value=CONSUMED / stretch.seconds / rate if total == CONSUMED else 0.0,
        unit="× bare loop",
        detail=f"{CONSUMED / stretch.seconds:.0f} events/s with the group's join, {total} effects of {CONSUMED}; "
        f"bare {rate:.0f}/s; {stretch.per(CONSUMED)}",
    )


class _Reading(Subscription):
    """A subscription to a topic of the bench instead of the event's own."""

    def __init__(self, *, of: str, **rest: Any) -> None:
        super().__init__(**rest)
        object.__setattr__(self, "_of", of)

    @property
    def topics(self) -> tuple[str, ...]:
        of: str = self.__dict__["_of"]
        return (of,)


async def _fill(platform: Platform, topic: str) -> None:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=platform.kafka_bootstrap, linger_ms=5)
    await producer.start()
    for number in range(CONSUMED):
        key, value, headers = encode(_ticket(number))
        await producer.send(topic, value=value, key=key, headers=headers)
    await producer.flush()
    await producer.stop()


async def _consume(
    platform: Platform, database: Database, subscription: Subscription, commit: GroupCommit, count: int
) -> None:
    parking = Parking(subscription.group, MongoParkedRecords(database))
    consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: datetime.now(UTC))
    subscriber = Subscriber(consumer, kafka=_kafka(platform), client_id="bench")
    task = asyncio.create_task(subscriber.run())
    try:
        async with asyncio.timeout(120):
            while await database["inbox"].estimated_document_count() < count:  # noqa: ASYNC110  another process's work
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def commit_to_consumer(platform: Platform, driver: Driver) -> Figure:
    """At a steady rate of commands: from the row's making, just before the commit, to the handler of another
    service's consumer."""
    arrived: dict[str, float] = {}

    async def note(event: TicketIssued, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        arrived.setdefault(str(envelope.id), time.time())

    own, queue = (connect(platform.mongodb_uri, name, driver=driver) for name in ("bench_reader", "queue"))
    storage = MongoStorage(own)
    await storage.prepare()
    reading = Subscription(group=f"bench.{uuid.uuid4().hex[:6]}", handlers={TicketIssued: note})
    await topics.ensure(_kafka(platform), group_topics(reading.group), create=True)
    async with GroupCommit(storage, source="/gerai/bench") as commit:
        parking = Parking(reading.group, MongoParkedRecords(own))
        consumer = Consumer(reading, commit=commit, parking=parking, now=lambda: datetime.now(UTC))
        subscriber = Subscriber(consumer, kafka=_kafka(platform), client_id="bench")
        task = asyncio.create_task(subscriber.run())
        while subscriber.lag != 0:  # noqa: ASYNC110  what was said before is not measured
            await asyncio.sleep(0.1)
        begun = datetime.now(UTC)
        stretch = Stretch(platform).begin()
        sent = await steady(platform, RATE, SECONDS)
        stretch.end()
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait([task])
    wanted = {"created_at": {"$gte": begun}, "type": TicketIssued.type}
    made = {
        row["_id"]: row["created_at"].timestamp()
        async for row in queue["outbox"].find(wanted, {"created_at": 1})
    }
    await own.drop()
    await asyncio.gather(own.close(), queue.close())
    latencies = [(arrived[id] - at) * 1000 for id, at in made.items() if id in arrived]
    return Figure(
        id="commit_to_consumer_p99",
        value=percentile(latencies, 0.99) if len(latencies) == len(made) else float("inf"),
        unit="ms",
        detail=f"{sent} commands at {RATE}/s, {len(latencies)} of {len(made)} events handled; "
        f"p50 {percentile(latencies, 0.5):.0f} ms, max {max(latencies, default=0):.0f} ms; "
        f"{stretch.per(sent)}",
    )


async def steady(platform: Platform, rate: int, seconds: float) -> int:
    """Issue tickets at a rate, whatever the answers take; returns how many."""
    services = service_ids()
    headers = (("authorization", f"Bearer {platform.token('kiosk')}"),)
    pool: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [Connection(platform.queue_url) for _ in range(32)]
    for connection in connections:
        await connection.__aenter__()
        pool.put_nowait(connection)

    async def one(number: int) -> None:
        connection = await pool.get()
        body = b'{"service_id":"' + services[number % len(services)].encode() + b'"}'
        await connection.send(Request(method="POST", path="/v1/tickets", body=body, headers=headers))
        pool.put_nowait(connection)

    count = int(rate * seconds)
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            group.create_task(one(number))
    for connection in connections:
        await connection.__aexit__()
    return count


async def relay_100k(platform: Platform, driver: Driver) -> Figure:
    """100,000 waiting rows to Kafka, marked."""
    database = connect(platform.mongodb_uri, "bench_relay", driver=driver)
    await MongoStorage(database).prepare()
    topic = _topic("bench.relay")
    await topics.ensure(_kafka(platform), [topic], create=True)
    for start in range(0, RELAYED, 5_000):
        rows = [
            outbox_document(_row(number, topic.name), datetime.now(UTC))
            for number in range(start, start + 5_000)
        ]
        await database["outbox"].insert_many(rows, ordered=False)

    async def publisher() -> Publisher:
        return await KafkaPublisher.connect(_kafka(platform), client_id="bench")

    outbox = MongoOutbox(database)
    relay = Relay(outbox, publisher, MongoLease(database, "relay"))
    memory = [psutil.Process().memory_info().rss / 1e6]
    stretch = Stretch(platform).begin()
    task = asyncio.create_task(relay.run())
    async with asyncio.timeout(180):
        # sorted, so that the question is answered by the index of pending rows and costs the database nothing
        while await database["outbox"].find_one({"pending": True}, sort=[("position", 1)]) is not None:
            memory.append(psutil.Process().memory_info().rss / 1e6)
            await asyncio.sleep(0.2)
    stretch.end()
    task.cancel()
    await asyncio.wait([task])
    await database.drop()
    await database.close()
    return Figure(
        id="relay_100k",
        value=stretch.seconds if max(memory) - memory[0] <= FLAT_MB else float("inf"),
        unit="s",
        detail=f"{RELAYED / stretch.seconds:.0f} rows/s; memory {memory[0]:.0f} → at most {max(memory):.0f} MB; "
        f"{stretch.per(RELAYED)}",
    )


def _row(number: int, topic: str) -> OutboxRow:
    envelope = _ticket(number)
    return OutboxRow(
        id=str(envelope.id),
        topic=topic,
        key=envelope.subject,
        aggregate=f"tickets:{envelope.subject}",
        version=1,
        position=number,
        headers=headers_of(envelope),
        body=envelope.event.model_dump_json().encode(),
        type=TicketIssued.type,
        tenant="bench",
        at=envelope.time,
    )
