"""Real ground for the library's tests: services with databases of their own on one broker, and a ledger of effects."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from messaging_builders import Jar, JarFilled, context

from gerai.chassis.testing import eventually
from gerai.contracts.event import Cleanup, Envelope, Topic
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.dead_letters import dead_letter_topic, group_topics
from gerai.messaging.group_commit import GroupCommit
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
from gerai.messaging.record import Record
from gerai.messaging.relay import Connect, Relay
from gerai.messaging.unit_of_work import UnitOfWork

Handler = Callable[..., Awaitable[None]]


class Page(Aggregate):
    """What a consumer made of one jar's events: each version that took effect, in the order of the effects."""

    collection: ClassVar[str] = "pages"

    versions: tuple[int, ...] = ()


async def note(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
    page = await uow.find(Page, envelope.subject)
    if page is None:
        page = Page(id=envelope.subject, tenant=event.tenant)
        uow.add(page)
    page.versions = (*page.versions, envelope.sequence)


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


def own_topic(*, partitions: int = 6, max_bytes: int | None = None) -> Topic:
    return Topic(
        name=unique("test.jars"),
        key="jar",
        partitions=partitions,
        retention_days=1,
        cleanup=Cleanup.DELETE,
        owner="test",
        max_bytes=max_bytes,
    )


@dataclass
class Side:
    """One service: a database, a way to change it, and what carries its events."""

    database: Database
    bootstrap: str
    commit: GroupCommit
    group: str = field(default_factory=lambda: unique("test.note"))

    async def fill(self, *, jars: int, times: int, prefix: str = "jar") -> dict[str, int]:
        """Many commands at once; returns the last version of each jar."""

        async def one(id: str) -> None:
            async def command(uow: UnitOfWork) -> None:
                jar = await uow.find(Jar, id)
                if jar is None:
                    jar = Jar(id=id, tenant="muna-barat", room=1_000_000)
                    uow.add(jar)
                jar.fill()

            await self.commit.execute(command, context=context())

        names = [f"{prefix}-{number}" for number in range(jars)]
        await asyncio.gather(*(one(name) for _ in range(times) for name in names))
        return dict.fromkeys(names, times)

    async def publisher(self) -> Publisher:
        return await KafkaPublisher.connect(KafkaConnection(bootstrap=self.bootstrap), client_id="test-relay")

    def relay(self, *, lease_s: float = 10.0, connect: Connect | None = None) -> Relay:

        lease = MongoLease(self.database, "relay", seconds=lease_s)
        return Relay(MongoOutbox(self.database), connect or self.publisher, lease)

    def subscriber(self, handler: Handler = note, *, group: str | None = None) -> Subscriber:
        group = group or self.group
        subscription = Subscription(group=group, handlers={JarFilled: handler})
        parking = Parking(group, MongoParkedRecords(self.database))
        consumer = Consumer(subscription, commit=self.commit, parking=parking, now=lambda: datetime.now(UTC))
        return Subscriber(consumer, kafka=KafkaConnection(bootstrap=self.bootstrap), client_id=group)

    async def pages(self) -> dict[str, tuple[int, ...]]:
        found = await self.database["pages"].find({}).to_list(None)
        return {page["_id"]: tuple(page["versions"]) for page in found}

    async def pending(self) -> int:
        return await MongoOutbox(self.database).backlog()

    async def expect_pages(self, last: dict[str, int], *, within: float = 90.0) -> None:
        """Each version of each jar took effect once, in order, and nothing else did."""
        wanted = {jar: tuple(range(1, version + 1)) for jar, version in last.items()}
        await eventually(
            self.pages,
            lambda seen: seen == wanted,
            because="every event takes effect once, in order",
            within=within,
        )


@asynccontextmanager
async def sides(
    mongodb_uri: str, bootstrap: str, driver: Driver, topic: Topic, *, count: int = 2
) -> AsyncIterator[list[Side]]:
    """Services that know each other by a topic alone."""
    async with AsyncExitStack() as stack:
        made: list[Side] = []
        for number in range(count):
            database = connect(mongodb_uri, unique(f"side{number}"), driver=driver)
            stack.push_async_callback(database.close)
            stack.push_async_callback(database.drop)
            storage = MongoStorage(database)
            await storage.prepare()
            commit = await stack.enter_async_context(GroupCommit(storage, source="/gerai/test"))
            made.append(Side(database, bootstrap, commit))
        wanted = [topic, *(one for side in made for one in group_topics(side.group))]
        await topics.ensure(KafkaConnection(bootstrap=bootstrap), wanted, create=True)
        yield made


@asynccontextmanager
async def running(*loops: Relay | Subscriber) -> AsyncIterator[list["asyncio.Task[None]"]]:
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield tasks
    finally:
        await stopped(*tasks)


async def stopped(*tasks: "asyncio.Task[None]") -> None:
    """End loops; what one of them died of is raised here."""
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def send_raw(bootstrap: str, topic: str, records: list[tuple[bytes | None, bytes | None, Any]]) -> None:
    """Records as a stranger might send them, in order, all to partition 0."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=4 * 1024 * 1024)
    await producer.start()
    try:
        for key, value, headers in records:
            await producer.send_and_wait(topic, value=value, key=key, headers=headers, partition=0)
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str) -> list[Record]:
    """Everything that a topic holds now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=8 * 1024 * 1024)
    await consumer.start()
    try:
        consumer._client.add_topic(topic)
        await consumer._client.force_metadata_update()
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[Record] = []
        async with asyncio.timeout(30):
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [
                        Record(
                            topic=one.topic,
                            partition=one.partition,
                            offset=one.offset,
                            key=one.key,
                            value=one.value,
                            headers=tuple(one.headers),
                        )
                        for one in records
                    ]
        return found
    finally:
        await consumer.stop()


async def dead_letters(side: Side, *, count: int) -> list[Record]:
    """Waits until so many have arrived."""
    topic = dead_letter_topic(side.group).name
    return await eventually(
        lambda: read_all(side.bootstrap, topic),
        lambda seen: len(seen) >= count,
        because=f"{count} dead letters arrive",
        within=60,
    )
