"""The service as it is deployed, on real MongoDB and Kafka: what the queue tells comes out as counts of its own."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer
from hourly_builders import NINE, issued

from gerai.chassis.testing import (
    Issuer,
    ServiceProcess,
    eventually,
    own_database,
    read_topic,
    record,
    service_process,
)
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HOURS, HourCounted
from gerai.contracts.queue import TICKETS
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.mongo.driver import Driver


@pytest.fixture
async def tickets(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    await topics.ensure(KafkaConnection(bootstrap=kafka_bootstrap), [TICKETS], create=True)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def running(
    mongodb_uri: str, kafka_bootstrap: str, driver: Driver, issuer: Issuer
) -> AsyncIterator[ServiceProcess]:
    """Both roles in one process."""
    with issuer.served() as keys:
        async with (
            own_database(mongodb_uri, "hourly_test", driver=driver) as database,
            service_process(
                ("-m", "gerai.hourly"),
                keeps_log=False,
                mongodb_uri=mongodb_uri,
                mongodb_database=database.name,
                mongodb_driver=driver.value,
                kafka_bootstrap=kafka_bootstrap,
                jwks_url=keys,
            ) as process,
        ):
            await process.reaches("/health/ready", 200)
            yield process


async def publish(producer: AIOKafkaProducer, told: Envelope) -> None:
    lies = record(told)
    await producer.send_and_wait(lies.topic, value=lies.value, key=lies.key, headers=list(lies.headers))


async def test_tickets_come_out_as_counts_on_the_own_topic_and_the_page(
    running: ServiceProcess, tickets: AIOKafkaProducer, kafka_bootstrap: str, issuer: Issuer
) -> None:
    tenant = f"regency-{uuid.uuid4().hex[:8]}"
    twice = issued(tenant=tenant)
    for told in (twice, twice, issued(tenant=tenant, at=NINE + timedelta(hours=1))):
        await publish(tickets, told)

    async def counted() -> dict[int, int]:
        topic = await read_topic(kafka_bootstrap, HOURS.name)
        said = [envelope.event for envelope in topic.by_id.values()]
        return {
            event.hour.hour: event.tickets
            for event in said
            if isinstance(event, HourCounted) and event.tenant == tenant
        }

    await eventually(counted, lambda seen: seen == {1: 1, 2: 1}, because="both hours are told", within=40)
    bearer = {"authorization": f"Bearer {issuer.token(tenant=tenant)}"}
    shown = (await running.http.get("/v1/hours", headers=bearer)).json()["items"]
    assert [(hour["hour"], hour["tickets"]) for hour in shown] == [
        ("2026-11-24T02:00:00Z", 1),
        ("2026-11-24T01:00:00Z", 1),
    ]
