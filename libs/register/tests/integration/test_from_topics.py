"""The replica on the real parts: from the registry's topics into any service's own database."""

import asyncio
import dataclasses
import uuid

from aiokafka import AIOKafkaProducer

from gerai.chassis.testing import envelope, eventually
from gerai.contracts.codec import encode
from gerai.messaging.consumer import Consumer
from gerai.messaging.dead_letters import dead_letter_topic, replay_topic
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.subscriber import Subscriber
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.parked import MongoParkedRecords
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.parking import Parking
from gerai.register.entries import CHANGES
from gerai.register.kept_entries import register_subscription
from gerai.register.opening_hours import OpeningCode
from gerai.register.register import Register
from gerai.register.replica import RegisterReplica
from gerai.register.testing import (
    TOLD_AT,
    calendar,
    counter,
    desk,
    institution,
    service,
    site,
)


async def publish(bootstrap: str, events) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for sequence, event in enumerate(events, start=1):
        key, value, headers = encode(envelope(event, at=TOLD_AT, sequence=sequence))
        await producer.send_and_wait(event.topic.name, value=value, key=key, headers=headers)
    await producer.stop()


async def test_the_register_is_built_from_its_topics(database: Database, kafka_bootstrap: str):
    mine = uuid.uuid4().hex[:8]
    site_id, institution_id, counter_id = f"mpp-{mine}", f"inst-{mine}", f"counter-{mine}"
    placed = {"site_id": site_id, "institution_id": institution_id}
    events = [
        site(id=site_id),
        institution(id=institution_id),
        counter(counter_id, **placed),
        service(f"old-{mine}", **placed, counter_id=counter_id, name="Lama"),
        service(f"old-{mine}", **placed, counter_id=counter_id, name="Baru"),
        desk(f"desk-{mine}", f"old-{mine}", counter_id=counter_id, site_id=site_id),
        calendar(f"site:{site_id}"),
    ]
    # `register_subscription` and `RegisterReplica` are all that a service names
    subscription = dataclasses.replace(
        register_subscription("queue.register"), group=f"queue.register-{mine}"
    )
    replica = RegisterReplica(MongoStorage(database), Register)
    own = [dead_letter_topic(subscription.group), replay_topic(subscription.group)]
    kafka = KafkaConnection(bootstrap=kafka_bootstrap)
    await topics.ensure(kafka, [*(kind.topic for kind in CHANGES), *own], create=True)
    await publish(kafka_bootstrap, events)
    async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
        parking = Parking(subscription.group, MongoParkedRecords(database))
        consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: TOLD_AT)
        running = asyncio.create_task(Subscriber(consumer, kafka=kafka, client_id=mine).run())

        async def names() -> list[str]:
            await replica.refresh()
            return [found.name for found in replica.current.services_at(site_id)]

        async def is_open() -> bool:
            await replica.refresh()
            (found,) = replica.current.services_at(site_id)
            hours = replica.current.hours_of(found)
            return hours is not None and hours.at(TOLD_AT).code is OpeningCode.OPEN

        try:
            await eventually(names, lambda seen: seen == ["Baru"], because="the topics tell it", within=40)
            await eventually(is_open, lambda opens: opens, because="the calendar has come, too")
        finally:
            running.cancel()
            await asyncio.wait([running])
    days = replica.current.working_days(institution_id, site_id=site_id, tenant=None)
    assert days.on(TOLD_AT.date()).works
