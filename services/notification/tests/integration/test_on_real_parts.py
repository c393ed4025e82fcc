"""The service as it is deployed, on real MongoDB and Kafka: what the queue tells comes to a visitor's inbox, once."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from notification_office import CALLED, ISSUED

from gerai.chassis import testing
from gerai.chassis.testing import (
    Issuer,
    ServiceProcess,
    eventually,
    own_database,
    read_topic,
    record,
    service_process,
)
from gerai.contracts import registry
from gerai.contracts.event import Event
from gerai.contracts.notification import NOTIFICATIONS, DeliverySucceeded, NotificationEvent
from gerai.contracts.queue import TICKETS
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.mongo.driver import Driver
from gerai.notification.adapters.definition_files import read_definitions

SHIPPED = Path(__file__).parents[2] / "definitions"
REGISTER = (
    registry.SITES,
    registry.INSTITUTIONS,
    registry.COUNTERS,
    registry.DESKS,
    registry.SERVICES,
    registry.CALENDARS,
)


@pytest.fixture
async def tickets(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    await topics.ensure(KafkaConnection(bootstrap=kafka_bootstrap), [TICKETS, *REGISTER], create=True)
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
            own_database(mongodb_uri, "notification_test", driver=driver) as database,
            service_process(
                ("-m", "gerai.notification"),
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


class Regency:
    """One that nobody else tells anything in."""

    def __init__(self, running: ServiceProcess, issuer: Issuer) -> None:
        self.tenant = f"regency-{uuid.uuid4().hex[:8]}"
        self._running = running
        self._token = issuer.token(tenant=self.tenant, roles=["admin"])

    async def asks(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self._token}", "idempotency-key": str(uuid.uuid4())}
        answer = await self._running.http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def inbox(self, party: str) -> list[str]:
        page = await self.asks("GET", f"/v1/parties/{party}/inbox")
        return sorted(item["title"] for item in page["items"])


async def publish(producer: AIOKafkaProducer, event: Event, *, sequence: int) -> None:
    told = testing.envelope(event, at=datetime.now(UTC), sequence=sequence)
    lies = record(told)
    for _ in range(2):  # each record comes twice
        await producer.send_and_wait(lies.topic, value=lies.value, key=lies.key, headers=list(lies.headers))


async def test_a_visitor_is_told_of_the_ticket_and_of_the_call(
    running: ServiceProcess, tickets: AIOKafkaProducer, kafka_bootstrap: str, issuer: Issuer
) -> None:
    regency = Regency(running, issuer)
    shipped = read_definitions(SHIPPED.glob("*.yaml")).model_dump(mode="json")
    rehearsed = await regency.asks("POST", "/v1/definitions?dry_run=true", shipped)
    assert await regency.asks("POST", "/v1/definitions", shipped) == rehearsed
    party = (await regency.asks("POST", "/v1/parties", {"language": "en"}))["id"]
    ticket = {"tenant": regency.tenant, "ticket_id": str(uuid.uuid4())}
    await publish(tickets, ISSUED.model_copy(update={**ticket, "party_id": party}), sequence=1)
    await publish(tickets, CALLED.model_copy(update=ticket), sequence=2)

    await eventually(
        lambda: regency.inbox(party),
        lambda seen: seen == ["Number A-012", "Number A-012 is called"],
        because="both messages are there, once",
        within=40,
    )
    found = await regency.asks("GET", f"/v1/notifications?about=ticket:{ticket['ticket_id']}")
    assert [kept["state"] for kept in found["items"]] == ["delivered", "delivered"]

    async def said() -> int:
        topic = await read_topic(kafka_bootstrap, NOTIFICATIONS.name)
        told = [envelope.event for envelope in topic.by_id.values()]
        return sum(
            isinstance(event, DeliverySucceeded) and event.tenant == regency.tenant
            for event in told
            if isinstance(event, NotificationEvent)
        )

    await eventually(said, lambda count: count == 2, because="both deliveries are told", within=40)
