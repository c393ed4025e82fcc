"""Brings a consumer its records from Kafka and commits offsets after their effects.

Offsets are committed as `{partition: offset + 1}` after the transaction, never as a bare commit. After a
rebalance records that are still being handled come again; their inbox rows make that harmless. Errors that
mean "this partition is not ours any more" end the commit quietly: the new owner carries on.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    RebalanceInProgressError,
)

from gerai.messaging import metrics
from gerai.messaging.consumer import Consumer
from gerai.messaging.dead_letters import replay_topic
from gerai.messaging.failures import OUTSIDE, is_nobodys_fault
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.kafka.ending import ended
from gerai.messaging.parking import Counts, Partitions
from gerai.messaging.record import Record

log = structlog.get_logger(__name__)

POLL_RECORDS = 500
POLL_MS = 200
PARKED_EVERY_S = 1.0
LAG_EVERY_S = 5.0
KEEP_PLACE_EVERY_S = 60.0
STUCK_S = 240.0
"""Longer than the driver goes on with one transaction while the store is away: that passes by itself."""
START_S = 60.0
SETTLED_S = 30.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
"""Before a new connection."""
HAND_OVER_S = 4.0
ANSWER_S = 10.0
STOP_S = 10.0
OWNERSHIP_LOST = (IllegalStateError, CommitFailedError, RebalanceInProgressError)


class Subscriber:
    """`run` until cancelled; connects anew after whatever the broker does."""

    def __init__(self, consumer: Consumer, *, kafka: KafkaConnection, client_id: str) -> None:
        self._consumer = consumer
        self._kafka = kafka
        self._client_id = client_id
        self._parked_at = 0.0
        self._lag_at = 0.0
        self._behind_since: float | None = None
        self._at_odds_since: float | None = None
        """Since when each connection has soon ended with something that waiting does not mend."""
        self._turned = time.monotonic()
        self._reload_parked = True
        self._suspects = False
        """True: some partition holds a record that the client cannot take apart."""
        self._idle = asyncio.Event()
        self._idle.set()
        self.lag: int | None = None
        """Records not yet handled; None until it was measured."""

    @property
    def group(self) -> str:
        return self._consumer.subscription.group

    @property
    def topics(self) -> list[str]:
        """What is subscribed to, and the group's own topic of replays."""
        return [*self._consumer.subscription.topics, replay_topic(self.group).name]

    def progress(self) -> Mapping[str, str]:
        """Liveness: behind, and the position does not move; or the loop itself hangs. A broker that is away is
        no reason to restart."""
        now, moved = time.monotonic(), self._consumer.moved
        if self._at_odds_since is not None and now - self._at_odds_since > STUCK_S:
            return {self.group: f"fails for {now - self._at_odds_since:.0f} s, though all answer"}
        if now - max(self._turned, moved) > STUCK_S:
            return {self.group: f"hangs for {now - max(self._turned, moved):.0f} s"}
        if self._behind_since is not None and now - max(self._behind_since, moved) > STUCK_S:
            return {self.group: f"lag {self.lag}, nothing moved for {now - moved:.0f} s"}
        return {}

    async def run(self) -> None:
        pause = SHORTEST_PAUSE_S
        while True:
            begun = self._turned = time.monotonic()
            try:
                await self._connected()
            except OUTSIDE as error:
                if is_nobodys_fault(error):
                    self._behind_since = self._at_odds_since = None
                else:
                    self._at_odds_since = self._at_odds_since or begun
                log.warning("subscriber-reconnects", group=self.group, error=repr(error)[:300])
                pause = (
                    SHORTEST_PAUSE_S
                    if time.monotonic() - begun > SETTLED_S
                    else min(2 * pause, LONGEST_PAUSE_S)
                )
                await asyncio.sleep(pause)

    async def _connected(self) -> None:
        kafka = AIOKafkaConsumer(
            **self._kafka.options(),
            client_id=self._client_id,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=POLL_RECORDS,
            max_poll_interval_ms=600_000,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            fetch_max_wait_ms=500,  # for when there is nothing: what comes is answered at once
            fetch_max_bytes=8 * 1024 * 1024,
            metadata_max_age_ms=5_000,  # a topic that its owner makes later is noticed soon
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        keeping: asyncio.Task[None] | None = None
        try:
            kafka.subscribe(topics=self.topics, listener=_Listener(self))
            async with asyncio.timeout(START_S):  # never `wait_for` here: it can lose our own cancellation
                await kafka.start()
            begun = time.monotonic()
            keeping = asyncio.create_task(self._keep_place(kafka), name=f"place {self.group}")
            while True:
                self._turned = time.monotonic()
                if self._turned - begun > SETTLED_S:
                    self._at_odds_since = None
                await self._turn(kafka)
        finally:
            if keeping is not None:
                keeping.cancel()
            await _stop(kafka)

    async def _keep_place(self, kafka: AIOKafkaConsumer) -> None:
        """aiokafka leaves the group when nobody has polled for `max_poll_interval_ms`. While a store is away records
        are in hand and nothing is polled, however long that takes; so this tells it that somebody is there, for as
        long as we are not stuck ourselves."""
        while True:
            await asyncio.sleep(KEEP_PLACE_EVERY_S)
            if not self.progress():
                with kafka._subscription.fetch_context():  # all that a poll does to that clock
                    pass

    async def _turn(self, kafka: AIOKafkaConsumer) -> None:
        self._idle.clear()
        try:
            await self._retry_parked(kafka)
        finally:
            self._idle.set()
        if time.monotonic() - self._lag_at > LAG_EVERY_S:
            await self._measure_lag(kafka)
        if self._suspects:
            await self._set_unreadable_aside(kafka)
            return
        try:
            polled = await kafka.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except OUTSIDE:
            raise
        except Exception as error:
            # The client could not take a record apart. What it had of other partitions is lost to this connection;
            # none of it was committed, so a new one begins there.
            self._suspects = True
            raise KafkaConnectionError(f"a record cannot be read: {error!r}") from error
        await self._handle(kafka, polled)

    async def _set_unreadable_aside(self, kafka: AIOKafkaConsumer) -> None:
        """Read each partition alone and record by record, up to where the client fails. There it is paused, and an
        operator moves the group beyond; the others flow on."""
        partitions = kafka.assignment() - kafka.paused()
        for partition in partitions:
            try:
                await self._read_carefully(kafka, partition)
            except OUTSIDE:
                raise
            except Exception as error:  # noqa: BLE001  whatever the client met in there, it is this partition's alone
                kafka.pause(partition)
                metrics.UNREADABLE.labels(self.group).inc()
                log.error(
                    "partition-unreadable",
                    group=self.group,
                    topic=partition.topic,
                    partition=partition.partition,
                    offset=await kafka.position(partition),
                    error=repr(error)[:300],
                )
        if partitions:
            self._suspects = False
        else:  # none is ours yet
            await asyncio.sleep(POLL_MS / 1000)

    async def _read_carefully(self, kafka: AIOKafkaConsumer, partition: TopicPartition) -> None:
        for _ in range(POLL_RECORDS):
            self._turned = time.monotonic()
            polled = await kafka.getmany(partition, timeout_ms=POLL_MS, max_records=1)
            if not polled:
                return
            await self._handle(kafka, polled)

    async def _handle(self, kafka: AIOKafkaConsumer, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        if not polled:
            return
        self._idle.clear()
        try:
            if self._reload_parked:  # partitions came while we polled: their lanes may be waiting
                self._reload_parked = False
                await self._consumer.load_parked()
            await self._consumer.handle([record_of(one) for records in polled.values() for one in records])
            await _commit(kafka, {partition: records[-1].offset + 1 for partition, records in polled.items()})
        finally:
            self._idle.set()

    async def _retry_parked(self, kafka: AIOKafkaConsumer) -> None:
        if not self._reload_parked and time.monotonic() - self._parked_at < PARKED_EVERY_S:
            return
        self._reload_parked = False
        self._parked_at = time.monotonic()
        owned = _owned(kafka)
        await self._consumer.retry_parked(owned=owned, now=datetime.now(UTC), counts=_counts(kafka, owned))

    async def _measure_lag(self, kafka: AIOKafkaConsumer) -> None:
        self._lag_at = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_S):
                self.lag = lag = await _lag_of(kafka)
        except OWNERSHIP_LOST as error:
            log.info("ownership-lost", error=type(error).__name__)
            return
        except (KafkaError, TimeoutError) as error:  # a partition without a leader; the others are read on
            self._behind_since = None  # nothing comes from there, and no restart would change that
            log.warning("lag-unknown", error=repr(error)[:300])
            return
        metrics.LAG.labels(self.group).set(lag)
        self._behind_since = None if lag == 0 else self._behind_since or time.monotonic()

    async def partitions_revoked(self) -> None:
        """Finish what is in hand, so that the next owner gets fewer records twice; but not for long."""
        try:
            async with asyncio.timeout(HAND_OVER_S):
                await self._idle.wait()
        except TimeoutError:
            log.info("handed-over-in-the-middle", group=self.group)

    def partitions_assigned(self) -> None:
        self._reload_parked = True


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            await self._subscriber.partitions_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._subscriber.partitions_assigned()


async def _commit(kafka: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    owned = {partition: offset for partition, offset in offsets.items() if partition in kafka.assignment()}
    if not owned:
        return
    try:
        async with asyncio.timeout(ANSWER_S):
            await kafka.commit(owned)
    except OWNERSHIP_LOST as error:
        log.info("ownership-lost", partitions=len(owned), error=type(error).__name__)


async def _lag_of(kafka: AIOKafkaConsumer) -> int:
    partitions = kafka.assignment() - kafka.paused()
    ends = await kafka.end_offsets(partitions) if partitions else {}
    return sum([max(0, ends[one] - await kafka.position(one)) for one in partitions])


def _owned(kafka: AIOKafkaConsumer) -> Partitions:
    owned: defaultdict[str, set[int]] = defaultdict(set)
    for one in kafka.assignment():
        owned[one.topic].add(one.partition)
    return owned


def _counts(kafka: AIOKafkaConsumer, topics: Iterable[str]) -> Counts:
    known = {topic: kafka.partitions_for_topic(topic) for topic in topics}
    return {topic: len(partitions) for topic, partitions in known.items() if partitions}


def record_of(one: Any) -> Record:
    return Record(
        topic=one.topic,
        partition=one.partition,
        offset=one.offset,
        key=one.key,
        value=one.value,
        headers=tuple((name, value if value is not None else b"") for name, value in one.headers),
        timestamp=one.timestamp,
    )


async def _stop(kafka: AIOKafkaConsumer) -> None:
    await ended(kafka.stop(), within=STOP_S, what="consumer")
    # a stop that broke off on its way leaves connections open, and tasks that try again and again
    await ended(kafka._client.close(), within=STOP_S, what="consumer-client")
