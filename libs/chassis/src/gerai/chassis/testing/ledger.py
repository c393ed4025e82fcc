"""The ledger of a fault drill: what was acknowledged, what stands in MongoDB, what a subscriber was told.

It reads Kafka as a second institution would: its own consumer, no inbox of ours, effects counted by event id.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from gerai.contracts.codec import Undecodable, decode
from gerai.contracts.event import Envelope

_LARGEST_FETCH = 8 * 1024 * 1024


@dataclass
class Subscriber:
    """Everything that one topic delivered, in order of partition and offset."""

    deliveries: int = 0
    unreadable: int = 0
    """Poison: what no reader can decode."""
    by_id: dict[str, Envelope] = field(default_factory=dict)
    first_seen: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Aggregate → versions in the order of their first delivery."""

    def take(self, envelope: Envelope) -> None:
        self.deliveries += 1
        id = str(envelope.id)
        if id not in self.by_id:
            self.by_id[id] = envelope
            self.first_seen[envelope.subject].append(envelope.sequence)

    def out_of_order(self) -> dict[str, list[int]]:
        return {subject: seen for subject, seen in self.first_seen.items() if seen != sorted(seen)}

    def gaps(self) -> dict[str, list[int]]:
        """Aggregates whose versions are not 1, 2, 3, …"""
        return {
            subject: seen
            for subject, seen in self.first_seen.items()
            if sorted(set(seen)) != list(range(1, max(seen) + 1))
        }

    def twins(self) -> dict[str, list[int]]:
        """Two different events for one version: an effect told twice."""
        return {subject: seen for subject, seen in self.first_seen.items() if len(set(seen)) != len(seen)}


async def read_topic(bootstrap: str, topic: str, *, timeout: float = 60.0) -> Subscriber:
    """Read a topic from its beginning to its present end."""
    subscriber = Subscriber()

    def take(record: ConsumerRecord) -> None:
        try:
            subscriber.take(decode(record.key, record.value, record.headers))
        except Undecodable:
            subscriber.unreadable += 1

    await read_records(bootstrap, topic, take, timeout=timeout)
    return subscriber


async def read_records(
    bootstrap: str, topic: str, take: Callable[[ConsumerRecord], None], *, timeout: float = 60.0
) -> None:
    """Hand over each record of a topic as it lies there, from its beginning to its present end. Raises TimeoutError."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=_LARGEST_FETCH
    )
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        async with asyncio.timeout(timeout):
            while any([await consumer.position(one) < ends[one] for one in partitions]):
                for records in (await consumer.getmany(timeout_ms=500, max_records=2_000)).values():
                    for record in records:
                        take(record)
    finally:
        await consumer.stop()


def promised(outbox: list[dict[str, Any]]) -> set[str]:
    """The ids of all events that a service committed."""
    return {row["_id"] for row in outbox}
