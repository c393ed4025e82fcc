"""Code tied to what deploys it: topics read are topics granted, topics owned are topics declared, every route says
who may use it, and an inbox remembers longer than topics keep."""

from collections.abc import AsyncIterator

import pytest

from gerai.chassis.service import application
from gerai.chassis.service_context import Components, Service, ServiceContext
from gerai.chassis.testing import context_of
from gerai.contracts.event import Cleanup
from gerai.contracts.language import readers, topics
from gerai.messaging.dead_letters import group_topics
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.retention import LEAST_INBOX_DAYS
from local.services import declarations, names

SERVED = declarations()


@pytest.fixture(scope="module")
async def components() -> AsyncIterator[dict[str, tuple[ServiceContext, Components]]]:
    storage = MemoryStorage()
    contexts = {
        service.name: context_of(service, storage=storage, commit=GroupCommit(storage, source="none"))
        for service in SERVED
    }
    yield {
        service.name: (contexts[service.name], service.assemble(contexts[service.name])) for service in SERVED
    }
    for context in contexts.values():
        await context.database.close()


def test_a_service_is_declared_under_the_name_of_its_folder() -> None:
    assert [service.name for service in SERVED] == list(names())


async def test_topics_read_are_topics_granted(
    components: dict[str, tuple[ServiceContext, Components]],
) -> None:
    read = {
        (topic, name)
        for name, (_, of) in components.items()
        for subscription in of.subscriptions
        for topic in subscription.topics
    }
    granted = {(topic.name, reader) for topic in topics() for reader in readers(topic)}
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
