"""The worker's side on the real parts: the end of the day by its timer, the register from its topics."""

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

from queue_builders import (
    MORNING,
    Hall,
    calendar,
    catalogue,
    counter,
    desk,
    envelope,
    institution,
    minutes,
    service,
    site,
)
from tests.eventually import eventually

from gerai.contracts.codec import encode
from gerai.messaging.consumer import Consumer
from gerai.messaging.dead_letters import dead_letter_topic, replay_topic
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.subscriber import Subscriber
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.parked import MongoParkedRecords
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.messaging.parking import Parking
from gerai.messaging.timers import Timers
from gerai.queue.adapters.catalogue_replica import CatalogueReplica
from gerai.queue.entrypoints.events import ENTRIES, subscriptions
from gerai.queue.use_cases import when_day_ended_expire_tickets as day

EVENING = MORNING + minutes(7 * 60 + 30)
"""An hour after closing."""


@contextlib.asynccontextmanager
async def worker(database: Database, at) -> AsyncIterator[None]:
    """A worker process's timers."""
    known = catalogue()

    async def end_day(timer, *, uow, at) -> None:
        await day.when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=known)

    async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
        timers = Timers(
            MongoDueTimers(database),
            {"end-of-day": end_day},
            commit=commit,
            lease=MongoLease(database, "timers"),
            now=lambda: at,
        )
        task = asyncio.create_task(timers.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def states(database: Database) -> dict[str, int]:
    found = await database.aggregate("tickets", [{"$group": {"_id": "$state", "count": {"$sum": 1}}}])
    return {one["_id"]: one["count"] for one in found}


async def test_the_day_ends_once_though_every_process_was_down_when_it_did(database: Database, monkeypatch):
    monkeypatch.setattr(day, "STEP", 50)
    async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
        hall = Hall(MongoStorage(database), commit, catalogue())
        await asyncio.gather(*(hall.issues("nib") for _ in range(120)))
    async with worker(database, EVENING - timedelta(minutes=1)):
        assert await states(database) == {"waiting": 120}
    late = EVENING + timedelta(hours=9)
    async with worker(database, late), worker(database, late):
        await eventually(
            lambda: states(database), lambda seen: seen == {"expired": 120}, because="the day is over"
        )
        await eventually(
            lambda: database["timers"].count_documents({}), lambda count: count == 0, because="it is done"
        )
    told = await database["outbox"].count_documents({"type": "queue.ticket-expired.v1"})
    assert told == 120


async def test_the_register_is_rebuilt_from_its_topics(database: Database, kafka_bootstrap: str):
    mine = uuid.uuid4().hex[:8]
    ids = {"site_id": f"mpp-{mine}", "institution_id": f"inst-{mine}"}
    known = {"counter_id": f"counter-{mine}", "site_id": ids["site_id"]}
    events = [
        site(id=ids["site_id"]),
        institution(id=ids["institution_id"]),
        counter(known["counter_id"], **ids),
        service(f"old-{mine}", **ids, counter_id=known["counter_id"], name="Lama"),
        service(f"old-{mine}", **ids, counter_id=known["counter_id"], name="Baru"),
        desk(f"desk-{mine}", f"old-{mine}", **known),
        calendar(f"site:{ids['site_id']}"),
    ]
    subscription = dataclasses.replace(subscriptions()[0], group=f"queue.register-{mine}")
    own = [dead_letter_topic(subscription.group), replay_topic(subscription.group)]
    await topics.ensure(
        KafkaConnection(bootstrap=kafka_bootstrap), [*(kind.topic for kind in ENTRIES), *own], create=True
    )
    await publish(kafka_bootstrap, events)
    replica = CatalogueReplica(MongoStorage(database))
    async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
        parking = Parking(subscription.group, MongoParkedRecords(database))
        consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: MORNING)
        subscriber = Subscriber(consumer, kafka=KafkaConnection(bootstrap=kafka_bootstrap), client_id=mine)
        task = asyncio.create_task(subscriber.run())

        async def names() -> list[str]:
            await replica.refresh()
            return [one.name for one in replica.current.services_at(ids["site_id"])]

        try:
            await eventually(names, lambda seen: seen == ["Baru"], because="the topics tell it", within=40)
            offered = replica.current.service(f"old-{mine}", tenant=None)
            await eventually(
                lambda: opening(replica, offered), lambda code: code == "available", because="all has come"
            )
        finally:
            task.cancel()
            await asyncio.wait([task])


async def opening(replica: CatalogueReplica, offered) -> str:
    await replica.refresh()
    return replica.current.opening_of(offered, None, at=MORNING).code.value


async def publish(bootstrap: str, events) -> None:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for sequence, event in enumerate(events, start=1):
        key, value, headers = encode(envelope(event, sequence))
        await producer.send_and_wait(event.topic.name, value=value, key=key, headers=headers)
    await producer.stop()
