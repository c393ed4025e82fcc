"""The delivery machine on real MongoDB and Kafka: fewer histories, the same rules."""

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from delivery_machine import Delivery
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from messaging_builders import JarFilled
from messaging_ground import own_topic, send_raw, unique

from gerai.contracts.event import Topic
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.publisher import KafkaPublisher
from gerai.messaging.kafka.subscriber import record_of
from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.outbox import MongoOutbox
from gerai.messaging.mongo.parked import MongoParkedRecords
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.outbox import Publisher
from gerai.messaging.record import Record


class Real:
    """Implements `Ground`: two databases, and a topic of one partition that is read at will."""

    here: MongoStorage
    there: MongoStorage
    outbox: MongoOutbox
    parked: MongoParkedRecords

    def __init__(self, uri: str, bootstrap: str, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        self._uri, self._bootstrap, self._driver = uri, bootstrap, driver
        self._topic: Topic = own_topic(partitions=1)
        self._place = TopicPartition(self._topic.name, 0)
        monkeypatch.setattr(JarFilled, "topic", self._topic)
        self._databases: list[Database] = []
        self._reader: AIOKafkaConsumer | None = None

    async def begin(self) -> None:
        self._databases = [connect(self._uri, unique("machine"), driver=self._driver) for _ in range(2)]
        here, there = self._databases
        self.here, self.there = MongoStorage(here), MongoStorage(there)
        for storage in (self.here, self.there):
            await storage.prepare()
        self.outbox, self.parked = MongoOutbox(here), MongoParkedRecords(there)
        await topics.ensure(KafkaConnection(bootstrap=self._bootstrap), [self._topic], create=True)
        self._reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        await self._reader.start()
        self._reader.assign([self._place])

    async def end(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
        for database in self._databases:
            await database.drop()
            await database.close()

    def lease(self) -> MongoLease:
        return MongoLease(self._databases[0], "relay")

    async def connect(self) -> Publisher:
        return await KafkaPublisher.connect(KafkaConnection(bootstrap=self._bootstrap), client_id="machine")

    async def records(self, first: int) -> list[Record]:
        assert self._reader is not None
        end = (await self._reader.end_offsets([self._place]))[self._place]
        found: list[Record] = []
        self._reader.seek(self._place, first)
        while first + len(found) < end:
            polled = await self._reader.getmany(self._place, timeout_ms=200)
            found += [record_of(one) for one in polled.get(self._place, ())]
        return found

    async def poison(self, key: bytes, value: bytes) -> None:
        await send_raw(self._bootstrap, self._topic.name, [(key, value, [])])

    async def lose_a_mark(self) -> None:
        newest = [("published_at", -1), ("position", -1)]
        marked = await self._databases[0]["outbox"].find_one({"published_at": {"$exists": True}}, sort=newest)
        if marked is not None:
            undone = {"$set": {"pending": True}, "$unset": {"published_at": ""}}
            await self._databases[0]["outbox"].update_one({"_id": marked["_id"]}, undone)

    async def dead(self) -> list[bytes]:
        rows = await self._databases[1]["outbox"].find({"type": "dead-letter"}).to_list(None)
        return [bytes(row["body"]) for row in rows]


@pytest.mark.parametrize("driver", list(Driver), ids=lambda driver: driver.value)
@pytest.mark.timeout(400)
def test_each_effect_happens_once_whatever_fails(
    driver: Driver, mongodb_uri: str, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_state_machine_as_test(  # it asserts by itself
        lambda: Delivery(Real(mongodb_uri, kafka_bootstrap, driver, monkeypatch)),
        settings=settings(
            max_examples=6,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
