"""The declared topics, on a broker: made in development, verified in production."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from gerai.contracts.event import Cleanup, Topic
from gerai.messaging.failures import Failure, kind_of
from gerai.messaging.kafka.connection import KafkaConnection

log = structlog.get_logger(__name__)

DAY_MS = 86_400_000
ALREADY_THERE = 36
TRIES = 30


class TopicsMissing(Exception):
    """Production's topics are made by deployment, and these are not there."""


async def ensure(
    kafka: KafkaConnection, topics: Sequence[Topic], *, create: bool, replication: int = 1
) -> None:
    """Create what is missing, or raise TopicsMissing. A broker that has just started is asked again; what it refuses
    is raised at once."""
    for attempt in range(TRIES):
        admin = AIOKafkaAdminClient(**kafka.options(), request_timeout_ms=10_000)
        try:
            await admin.start()
            there = set(await admin.list_topics())
            missing = [topic for topic in topics if topic.name not in there]
            if missing and not create:
                raise TopicsMissing(", ".join(topic.name for topic in missing))
            if missing:
                await _create(admin, missing, replication)
            await _compare(admin, [topic for topic in topics if topic.name in there])
            return
        except (KafkaError, OSError) as error:
            if kind_of(error) is Failure.REFUSED:
                raise
            log.warning("topics-not-ready", error=repr(error)[:300], attempt=attempt)
            await asyncio.sleep(min(0.2 * 2**attempt, 3.0))
        finally:
            await admin.close()
    raise TimeoutError("no Kafka broker answered")


async def _compare(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Say which topics have another number of partitions than declared. Not a reason to stay away: partitions can
    only be added, and then by somebody who knew."""
    if not topics:
        return
    declared = {topic.name: topic.partitions for topic in topics}
    for found in await admin.describe_topics(list(declared)):
        there = len(found["partitions"])
        if there != declared[found["topic"]]:
            log.error(
                "topic-differs", topic=found["topic"], partitions=there, declared=declared[found["topic"]]
            )


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic], replication: int) -> None:
    wanted = [
        NewTopic(
            name=topic.name,
            num_partitions=topic.partitions,
            replication_factor=replication,
            topic_configs=config_of(topic),
        )
        for topic in topics
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *_ in answer.topic_errors:
        if code not in (0, ALREADY_THERE):
            raise for_code(code)(f"topic {name} was not created")


def config_of(topic: Topic) -> dict[str, str]:
    """Kafka's own settings of a declared topic."""
    config = {"cleanup.policy": topic.cleanup.value}
    if topic.cleanup is Cleanup.DELETE:
        days = topic.retention_days
        config["retention.ms"] = str(days * DAY_MS if days is not None else -1)
    if topic.max_bytes is not None:
        config["max.message.bytes"] = str(topic.max_bytes)
    return config
