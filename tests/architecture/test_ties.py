"""Code tied to what deploys it: topics read are topics granted, topics owned are topics declared, every route says
who may use it, and an inbox remembers longer than topics keep."""

from collections.abc import Iterator

import pytest

from gerai.chassis.clock import RealClock
from gerai.chassis.health import Health
from gerai.chassis.service import application
from gerai.chassis.service_context import Components, Service, ServiceContext
from gerai.chassis.settings import Environment
from gerai.contracts.event import Cleanup
from gerai.contracts.language import topics
from gerai.hourly.service import service as hourly
from gerai.messaging.dead_letters import group_topics
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import Driver, connect
from gerai.messaging.retention import LEAST_INBOX_DAYS
from gerai.queue.bootstrap import service as queue
from gerai.registry.bootstrap import service as registry
from local.plan import SERVICES

SERVED: tuple[Service, ...] = (registry, queue, hourly)


def house_of(service: Service) -> ServiceContext:
    settings = service.settings(  # type: ignore[call-arg]
        environment=Environment.DEVELOPMENT,
        mongodb_uri="mongodb://127.0.0.1:1",
        mongodb_database="none",
        kafka_bootstrap="127.0.0.1:1",
        issuer="http://127.0.0.1:1",
        jwks_url="http://127.0.0.1:1/jwks.json",
    )
    storage = MemoryStorage()
    return ServiceContext(
        source=f"/gerai/{service.name}",
        settings=settings,
        clock=RealClock(),
        database=connect("mongodb://127.0.0.1:1", "none", driver=Driver.PYMONGO),  # never asked
        storage=storage,
        commit=GroupCommit(storage, source="none"),
        health=Health(),
    )


@pytest.fixture(scope="module")
def components() -> Iterator[dict[str, tuple[ServiceContext, Components]]]:
    houses = {service.name: house_of(service) for service in SERVED}
    yield {service.name: (houses[service.name], service.assemble(houses[service.name])) for service in SERVED}


async def test_the_platform_starts_every_service() -> None:
    assert {service.name for service in SERVED} == set(SERVICES)


async def test_topics_read_are_topics_granted(
    components: dict[str, tuple[ServiceContext, Components]],
) -> None:
    read = {
        (topic, name)
        for name, (_, of) in components.items()
        for subscription in of.subscriptions
        for topic in subscription.topics
    }
    granted = {(topic.name, reader) for topic in topics() for reader in topic.readers}
    assert read == granted


@pytest.mark.parametrize("service", SERVED, ids=lambda service: service.name)
async def test_topics_owned_are_topics_declared(service: Service) -> None:
    owned = {topic.name for topic in topics() if topic.owner == service.name}
    assert {topic.name for topic in service.topics} == owned


async def test_the_inbox_outlives_everything_that_can_be_delivered_again(
    components: dict[str, tuple[ServiceContext, Components]],
) -> None:
    """A record that lies in a topic, or among the dead letters, may come again on its last day."""
    groups = {subscription.group for _, of in components.values() for subscription in of.subscriptions}
    kept = {
        topic.name: topic.retention_days
        for topic in (*topics(), *(one for group in groups for one in group_topics(group)))
        if topic.cleanup is Cleanup.DELETE  # a compacted topic is read again from its beginning by design
    }
    assert len(kept) > len(groups)
    short = {name: days for name, days in kept.items() if days is None or days >= LEAST_INBOX_DAYS}
    assert short == {}, f"kept longer than the inbox remembers at least ({LEAST_INBOX_DAYS} days)"


@pytest.mark.parametrize("service", SERVED, ids=lambda service: service.name)
async def test_every_route_says_who_may_use_it(
    service: Service, components: dict[str, tuple[ServiceContext, Components]]
) -> None:
    service_context, of = components[service.name]
    operations = [
        operation
        for path in application(service, service_context, of).openapi()["paths"].values()
        for operation in path.values()
    ]
    assert operations
    assert all(operation.get("x-permission") for operation in operations)
