"""Replay: records are sent again, for one consumer group alone.

    python -m gerai.messaging.replay --bootstrap … --group queue.replica --topic registry.services
    python -m gerai.messaging.replay --bootstrap … --group queue.replica --dead-letters
    python -m gerai.messaging.replay --bootstrap … --group queue.replica --topic registry.services --key … --override

They go to the group's own topic of replays, never to the topic they came from: there every other group would
have to read them, and on a compacted topic an old state would take the place of the newest. They keep their
event id and carry `ce_replayedfor`, which handlers see, so that nobody is told twice, and `ce_replayedfrom`, the topic
that they came from, so that they are believed no more than there. An effect that is there already is not repeated (its
inbox row stands), unless that row was removed on purpose.

Where one event or an override was asked for and no record was found, it ends with an error.

With `--override` the newest of the chosen records alone is sent, and a replica takes its state whatever version and
regency it knows: the way back when a bad record got in. See docs/runbooks/bad-record.md.
"""

import argparse
import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from gerai.contracts.codec import stated_id
from gerai.messaging.consumer import REPLAYED_FOR
from gerai.messaging.dead_letters import LARGEST_BYTES, TRUNCATED, dead_letter_topic, replay_topic
from gerai.messaging.kafka.connection import KafkaConnection, add_arguments, stated
from gerai.messaging.kafka.publisher import partition_of

log = structlog.get_logger(__name__)

REPLAYED_FROM = "ce_replayedfrom"
OVERRIDES = "ce_overrides"
MARKS = (REPLAYED_FOR, REPLAYED_FROM, OVERRIDES)
DEAD = "dead_"
"""Begins the headers that were added to a dead letter."""
ANSWER_S = 30.0
AT_ONCE = 500
POLL_MS = 500


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Which records. Without anything: all that the topic holds at this moment."""

    partition: int | None = None
    first: int = 0
    """Offset of the first one."""
    last: int | None = None
    since: datetime | None = None
    """Written at this time or later (the broker's time)."""
    key: bytes | None = None
    event_id: str | None = None


async def replay(
    kafka: KafkaConnection, *, group: str, topic: str, extent: Extent | None = None, override: bool = False
) -> int:
    """Send a part of a topic to one group again. Returns how many records; nothing is lost if it is repeated.

    `override`: only the newest record of the extent, which is one key or one event; its state holds.
    """
    wanted = extent or Extent()
    producer = AIOKafkaProducer(**kafka.options(), enable_idempotence=True, max_request_size=LARGEST_BYTES)
    await asyncio.wait_for(producer.start(), ANSWER_S)
    try:
        if override and wanted.key is not None and wanted.partition is None:
            # where its owner's client puts the key; a forged record may stand on another partition
            partitions = sorted(await asyncio.wait_for(producer.partitions_for(topic), ANSWER_S))
            wanted = replace(wanted, partition=partition_of(wanted.key, partitions))
        sent = 0
        newest: list[Any] = []
        async for records in _read(kafka, topic, wanted):
            chosen = [record for record in records if _is_wanted(record, wanted)]
            newest = chosen[-1:] or newest
            if not override:
                await asyncio.wait_for(_send(producer, group, chosen), ANSWER_S)
                sent += len(chosen)
        if override:
            await asyncio.wait_for(_send(producer, group, newest, override=str(uuid.uuid4())), ANSWER_S)
            sent = len(newest)
    finally:
        await asyncio.wait_for(producer.stop(), ANSWER_S)
    log.info("replayed", group=group, topic=topic, records=sent)
    return sent


async def replay_dead_letters(kafka: KafkaConnection, *, group: str, extent: Extent | None = None) -> int:
    """Send a group's dead letters to it again, as they once came; for when the group has been repaired."""
    return await replay(kafka, group=group, topic=dead_letter_topic(group).name, extent=extent)


async def _send(
    producer: AIOKafkaProducer, group: str, records: Sequence[Any], *, override: str | None = None
) -> None:
    topic = replay_topic(group).name
    under_way = [
        await producer.send(
            topic,
            key=one.key or None,
            value=one.value,
            headers=headers_for(group, one.topic, one.headers, override=override),
        )
        for one in records
    ]
    await asyncio.gather(*under_way)


def headers_for(
    group: str, topic: str, headers: Sequence[tuple[str, bytes]], *, override: str | None = None
) -> list[tuple[str, bytes]]:
    """The record's own headers, marked as a replay for the group of what stood on the topic."""
    kept = [(name, raw) for name, raw in headers if name.lower() not in MARKS and not name.startswith(DEAD)]
    marks = [(REPLAYED_FOR, group.encode()), (REPLAYED_FROM, _origin(group, topic, headers))]
    if override is not None:
        marks.append((OVERRIDES, override.encode()))
    return [*kept, *marks]


def _origin(group: str, topic: str, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """The topic of a record's owner. Of what the record itself says only what we have written there is believed."""
    first: dict[str, bytes] = {}
    for name, raw in headers:
        first.setdefault(name, raw)
    origin = topic.encode()
    if topic == dead_letter_topic(group).name:  # ours stand before the poison's own
        origin = first.get("dead_topic", origin)
    return first.get(REPLAYED_FROM, origin) if origin == replay_topic(group).name.encode() else origin


def _is_wanted(record: Any, extent: Extent) -> bool:
    if any(name == TRUNCATED for name, _ in record.headers):
        log.warning("truncated-not-replayed", topic=record.topic, offset=record.offset)
        return False
    if extent.key is not None and record.key != extent.key:
        return False
    return extent.event_id is None or stated_id(record.headers, record.value) == extent.event_id


async def _read(kafka: KafkaConnection, topic: str, extent: Extent) -> AsyncIterator[list[Any]]:
    """The records of the extent, up to where the topic ends now."""
    consumer = AIOKafkaConsumer(
        **kafka.options(), enable_auto_commit=False, max_partition_fetch_bytes=LARGEST_BYTES
    )
    await asyncio.wait_for(consumer.start(), ANSWER_S)
    try:
        places = await _places(consumer, topic, extent.partition)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.assign([place])
            end = ends[place] if extent.last is None else min(ends[place], extent.last + 1)
            consumer.seek(place, await _begin(consumer, place, extent))
            silent = 0
            while await consumer.position(place) < end:
                polled = await consumer.getmany(place, timeout_ms=POLL_MS, max_records=AT_ONCE)
                silent = 0 if polled else silent + 1
                if silent * POLL_MS > ANSWER_S * 1000:
                    raise TimeoutError(f"{topic}/{place.partition} does not answer")
                yield [one for one in polled.get(place, ()) if one.offset < end]
    finally:
        await asyncio.wait_for(consumer.stop(), ANSWER_S)


async def _places(consumer: AIOKafkaConsumer, topic: str, partition: int | None) -> list[TopicPartition]:
    known = await asyncio.wait_for(consumer._client._wait_on_metadata(topic), ANSWER_S)
    if partition is not None and partition not in known:
        raise UnknownTopicOrPartitionError(f"{topic}/{partition}")
    return [TopicPartition(topic, one) for one in sorted(known) if partition in (None, one)]


async def _begin(consumer: AIOKafkaConsumer, place: TopicPartition, extent: Extent) -> int:
    beginning: int = (await consumer.beginning_offsets([place]))[place]
    first = max(extent.first, beginning)
    if extent.since is None:
        return first
    moment = int(extent.since.timestamp() * 1000)
    found = (await consumer.offsets_for_times({place: moment}))[place]
    written: int = found.offset if found is not None else (await consumer.end_offsets([place]))[place]
    return max(first, written)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gerai.messaging.replay", description=__doc__.split("\n")[0]
    )
    add_arguments(parser)
    parser.add_argument("--group", required=True, help="the consumer group that gets the records")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--topic", help="where the records are")
    source.add_argument("--dead-letters", action="store_true", help="the group's own dead letters")
    parser.add_argument("--partition", type=int)
    parser.add_argument("--first", type=int, default=0, help="first offset")
    parser.add_argument("--last", type=int, help="last offset")
    parser.add_argument(
        "--since", type=datetime.fromisoformat, help="written at this time or later, ISO 8601"
    )
    parser.add_argument("--key", help="records of one key")
    parser.add_argument("--event-id", help="one event")
    parser.add_argument(
        "--override",
        action="store_true",
        help="the newest of the records alone, and a replica takes it whatever it knows; with --key or --event-id",
    )
    given = parser.parse_args()
    if given.override and given.key is None and given.event_id is None:
        parser.error("--override needs --key or --event-id: it is for one entity")
    return given


def main() -> None:
    given = _arguments()
    extent = Extent(
        partition=given.partition,
        first=given.first,
        last=given.last,
        since=given.since,
        key=given.key.encode() if given.key is not None else None,
        event_id=given.event_id,
    )
    topic = dead_letter_topic(given.group).name if given.dead_letters else given.topic
    sent = asyncio.run(
        replay(stated(given), group=given.group, topic=topic, extent=extent, override=given.override)
    )
    if not sent and (given.override or given.event_id is not None):
        raise SystemExit(f"nothing was sent: {topic} holds no such record, or only a part of it")


if __name__ == "__main__":
    main()
