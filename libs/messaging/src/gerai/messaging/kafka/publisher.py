"""Sends outbox rows with an idempotent producer, whole batches per partition.

A batch is built here and sent as one: all its rows are acknowledged together or not at all, and a partition
never has a second batch under way. So no row overtakes an earlier one of its key, whatever fails.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedForMessageFormatError,
)
from aiokafka.partitioner import murmur2

from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.ending import ended
from gerai.messaging.outbox import Pending, Published

log = structlog.get_logger(__name__)

BATCH_BYTES = 512 * 1024
ROW_BYTES = 4 * 1024 * 1024
SEND_S = 30.0
FIND_TOPIC_S = 2.0
STOP_S = 5.0
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
REFUSED = (*TOO_LARGE, InvalidTimestampError, UnsupportedForMessageFormatError)
"""What is wrong with a record itself, and so with no other."""
NO_SUCH_TOPIC = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError, TimeoutError)
FAILURES = (KafkaError, TimeoutError, OSError)

hash_of = lru_cache(maxsize=10_000)(murmur2)


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """As Kafka's own clients place a key."""
    positive: int = hash_of(key) & 0x7FFFFFFF
    return partitions[positive % len(partitions)]


@dataclass(kw_only=True)
class _Fate:
    """What became of the rows so far; written by all lanes."""

    acknowledged: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    left: Callable[[], float]
    """Seconds in which rows may be sent."""


class KafkaPublisher:
    """Implements `Publisher`. Made anew by the relay whenever one is broken: after a leader outage an
    idempotent producer may hold a gap in its sequence, and then refuses for ever."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topics: Collection[str] | None = None,
        is_foreign: Callable[[str], bool] = lambda topic: False,
    ) -> None:
        self._producer = producer
        self._topics = topics
        self._is_foreign = is_foreign

    @classmethod
    async def connect(
        cls,
        kafka: KafkaConnection,
        *,
        client_id: str,
        topics: Collection[str] | None = None,
        is_foreign: Callable[[str], bool] = lambda topic: False,
    ) -> "KafkaPublisher":
        """`topics`: the only ones that are written. Of the others, rows of those that belong to another service
        (`is_foreign`) are refused; rows of those that nobody here knows wait: another version of this service has
        written them, and knows. Raises KafkaError or TimeoutError when no broker answers, or none lets us in."""
        producer = AIOKafkaProducer(
            **kafka.options(),
            client_id=client_id,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=ROW_BYTES + BATCH_BYTES,
            request_timeout_ms=15_000,
        )
        try:
            async with asyncio.timeout(SEND_S):
                await producer.start()
        except BaseException:
            await ended(producer.stop(), within=STOP_S, what="producer")
            raise
        return cls(producer, topics, is_foreign)

    async def publish(self, rows: Sequence[Pending], *, left: Callable[[], float]) -> Published:
        by_topic: dict[str, list[Pending]] = {}
        for row in rows:
            by_topic.setdefault(row.topic, []).append(row)
        fate = _Fate(left=left)
        await asyncio.gather(*(self._send_topic(topic, part, fate) for topic, part in by_topic.items()))
        if fate.broken:
            _abandon(self._producer)
        return Published(
            acknowledged=fate.acknowledged, refused=fate.refused, failed=fate.failed, broken=fate.broken
        )

    async def _send_topic(self, topic: str, rows: Sequence[Pending], fate: _Fate) -> None:
        if self._topics is not None and topic not in self._topics:
            if self._is_foreign(topic):
                fate.refused.update((row.id, "foreign_topic") for row in rows)
            else:
                fate.failed[topic] = "this version does not declare it"
            return
        try:
            async with asyncio.timeout(FIND_TOPIC_S):
                partitions = sorted(await self._producer.partitions_for(topic))
        except NO_SUCH_TOPIC as error:
            fate.failed[topic] = f"no such topic for us: {error!r}"
            return
        except FAILURES as error:
            fate.failed[topic], fate.broken = repr(error), True
            return
        lanes: dict[int, list[Pending]] = {}
        for row in rows:
            lanes.setdefault(partition_of(row.key, partitions), []).append(row)
        await asyncio.gather(*(self._send_lane(topic, one, lane, fate) for one, lane in lanes.items()))

    async def _send_lane(self, topic: str, partition: int, rows: Sequence[Pending], fate: _Fate) -> bool:
        """One partition, batch after batch. False: the producer failed, or time is over; the rest of the lane waits."""
        waiting = list(rows)
        while waiting:
            if fate.left() <= 0:
                return False
            if waiting[0].size > ROW_BYTES:
                fate.refused[waiting.pop(0).id] = "too_large"
                continue
            batch, taken = self._filled(waiting)
            try:
                await self._send(batch, topic, partition, within=min(SEND_S, fate.left()))
            except REFUSED as error:
                if len(taken) == 1:
                    is_large = isinstance(error, TOO_LARGE)
                    fate.refused[taken[0].id] = "too_large" if is_large else type(error).__name__
                elif not await self._send_one_by_one(topic, partition, taken, fate):
                    return False
            except FAILURES as error:
                log.warning("publish-failed", topic=topic, partition=partition, error=repr(error))
                fate.failed[topic], fate.broken = repr(error), True
                return False
            else:
                fate.acknowledged.extend(row.id for row in taken)
            del waiting[: len(taken)]
        return True

    async def _send_one_by_one(
        self, topic: str, partition: int, rows: Sequence[Pending], fate: _Fate
    ) -> bool:
        for row in rows:
            if not await self._send_lane(topic, partition, [row], fate):
                return False
        return True

    async def _send(self, batch: Any, topic: str, partition: int, *, within: float) -> None:
        """Returns after the broker's acknowledgement. The client retries for ever, so time is limited here."""
        async with asyncio.timeout(within):
            acknowledged = await self._producer.send_batch(batch, topic, partition=partition)
            await acknowledged

    def _filled(self, rows: Sequence[Pending]) -> tuple[Any, list[Pending]]:
        batch = self._producer.create_batch()
        taken: list[Pending] = []
        for row in rows:
            headers = list(row.headers.items())
            if batch.append(timestamp=None, key=row.key, value=row.body, headers=headers) is None:
                break
            taken.append(row)
        return batch, taken

    async def close(self) -> None:
        await ended(self._producer.stop(), within=STOP_S, what="producer")


def _abandon(producer: AIOKafkaProducer) -> None:
    """Stopping flushes, and a producer that can't send would flush for ever, or send late what its successor has
    sent meanwhile. aiokafka has no public way to drop what waits."""
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    producer._message_accumulator.fail_all(ProducerClosed())
