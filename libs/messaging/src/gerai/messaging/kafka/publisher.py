"""Sends outbox rows with an idempotent producer, whole batches per partition.

A batch is built here and sent as one: all its rows are acknowledged together or not at all, and a partition
never has a second batch under way. So no row overtakes an earlier one of its key, whatever fails.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from gerai.messaging.outbox import Pending, Published

log = structlog.get_logger(__name__)

BATCH_BYTES = 512 * 1024
ROW_BYTES = 4 * 1024 * 1024
SEND_S = 30.0
STOP_S = 5.0
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_partition_of = DefaultPartitioner()


class KafkaPublisher:
    """Implements `Publisher`. Made anew by the relay whenever one is broken: after a leader outage an
    idempotent producer may hold a gap in its sequence, and then refuses for ever."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    async def connect(cls, bootstrap: str, *, client_id: str) -> "KafkaPublisher":
        """Raises KafkaError or TimeoutError when no broker answers."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=ROW_BYTES + BATCH_BYTES,
            request_timeout_ms=15_000,
        )
        try:
            await asyncio.wait_for(producer.start(), SEND_S)
        except BaseException:
            await _stop(producer)
            raise
        return cls(producer)

    async def publish(self, rows: Sequence[Pending]) -> Published:
        by_topic: dict[str, list[Pending]] = {}
        for row in rows:
            by_topic.setdefault(row.topic, []).append(row)
        acknowledged: list[str] = []
        refused: dict[str, str] = {}
        try:
            lanes: dict[tuple[str, int], list[Pending]] = {}
            for topic, of_topic in by_topic.items():
                partitions = sorted(await asyncio.wait_for(self._producer.partitions_for(topic), SEND_S))
                for row in of_topic:
                    lanes.setdefault((topic, _partition_of(row.key, partitions, partitions)), []).append(row)
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("topic-unavailable", error=repr(error))
            return Published(acknowledged=(), refused={}, broken=True)
        ends = await asyncio.gather(
            *(self._send_lane(*lane, of_lane, acknowledged, refused) for lane, of_lane in lanes.items())
        )
        return Published(acknowledged=acknowledged, refused=refused, broken=not all(ends))

    async def _send_lane(
        self,
        topic: str,
        partition: int,
        rows: list[Pending],
        acknowledged: list[str],
        refused: dict[str, str],
    ) -> bool:
        """One partition, batch after batch. False: the producer failed; the rest of the lane waits."""
        waiting = list(rows)
        while waiting:
            if len(waiting[0].body) > ROW_BYTES:
                refused[waiting.pop(0).id] = "too_large"
                continue
            batch, taken = self._filled(waiting)
            try:
                future = await asyncio.wait_for(
                    self._producer.send_batch(batch, topic, partition=partition), SEND_S
                )
                await asyncio.wait_for(future, SEND_S)
            except TOO_LARGE:
                if len(taken) == 1:
                    refused[taken[0].id] = "too_large"
                    del waiting[:1]
                    continue
                if not await self._send_one_by_one(topic, partition, taken, acknowledged, refused):
                    return False
            except (KafkaError, TimeoutError, OSError) as error:
                log.warning("publish-failed", topic=topic, partition=partition, error=repr(error))
                return False
            else:
                acknowledged.extend(row.id for row in taken)
            del waiting[: len(taken)]
        return True

    async def _send_one_by_one(
        self,
        topic: str,
        partition: int,
        rows: list[Pending],
        acknowledged: list[str],
        refused: dict[str, str],
    ) -> bool:
        for row in rows:
            if not await self._send_lane(topic, partition, [row], acknowledged, refused):
                return False
        return True

    def _filled(self, rows: list[Pending]) -> tuple[Any, list[Pending]]:
        batch = self._producer.create_batch()
        taken: list[Pending] = []
        for row in rows:
            if (
                batch.append(timestamp=None, key=row.key, value=row.body, headers=list(row.headers.items()))
                is None
            ):
                break
            taken.append(row)
        return batch, taken

    async def close(self) -> None:
        await _stop(self._producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    """`stop` has no time limit of its own and can wait for ever on a broker that is gone."""
    try:
        await asyncio.wait_for(producer.stop(), STOP_S)
    except (KafkaError, TimeoutError, OSError) as error:
        log.warning("producer-stop-failed", error=repr(error))
