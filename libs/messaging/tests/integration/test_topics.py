"""Topics on a real broker are what their owner declared."""

from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from messaging_ground import own_topic, unique

from gerai.chassis.testing import eventually
from gerai.contracts.event import Cleanup, Topic
from gerai.contracts.language import topics as published
from gerai.messaging.dead_letters import group_topics
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection

DAY_MS = 86_400_000


def _under_another_name(topic: Topic) -> Topic:
    return replace(topic, name=unique(topic.name))


async def _on_the_broker(bootstrap: str, topic: Topic) -> tuple[dict[str, str], int]:
    """The topic's settings, defaults too, and its number of partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()

    async def partitions() -> int:
        (described,) = await admin.describe_topics([topic.name])
        return len(described["partitions"])

    try:
        count = await eventually(partitions, bool, because="the broker has heard of its own new topic")
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name)])
    finally:
        await admin.close()
    ((_, _, _, _, entries),) = answer.resources
    return {entry[0]: entry[1] for entry in entries}, count


DECLARED = [
    *published(),
    *group_topics("test.declared"),
    own_topic(max_bytes=20_000),
    replace(own_topic(), cleanup=Cleanup.COMPACT, retention_days=None),
]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda topic: topic.name.rpartition("-")[0] or topic.name)
async def test_a_topic_is_made_as_it_is_declared(kafka_bootstrap: str, declared: Topic) -> None:
    topic = _under_another_name(declared)
    await topics.ensure(KafkaConnection(bootstrap=kafka_bootstrap), [topic], create=True)
    found, partitions = await _on_the_broker(kafka_bootstrap, topic)
    assert partitions == topic.partitions
    assert found["cleanup.policy"] == topic.cleanup.value
    if topic.cleanup is Cleanup.DELETE:
        assert topic.retention_days is not None
        assert int(found["retention.ms"]) == topic.retention_days * DAY_MS
    if topic.max_bytes is not None:
        assert int(found["max.message.bytes"]) == topic.max_bytes


async def test_what_is_there_is_left_as_it_is(kafka_bootstrap: str) -> None:
    """Somebody who runs the broker may have given a topic more room; a start does not take it away."""
    topic = own_topic(max_bytes=50_000)
    await topics.ensure(KafkaConnection(bootstrap=kafka_bootstrap), [topic], create=True)
    await topics.ensure(
        KafkaConnection(bootstrap=kafka_bootstrap), [replace(topic, max_bytes=20_000)], create=True
    )
    found, _ = await _on_the_broker(kafka_bootstrap, topic)
    assert int(found["max.message.bytes"]) == 50_000


async def test_production_makes_no_topic(kafka_bootstrap: str) -> None:
    topic = own_topic()
    with pytest.raises(topics.TopicsMissing, match=topic.name):
        await topics.ensure(KafkaConnection(bootstrap=kafka_bootstrap), [topic], create=False)
