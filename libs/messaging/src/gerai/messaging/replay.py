"""Replay: records are sent again, for one consumer group alone.

    python -m gerai.messaging.replay --bootstrap … --group queue.replica --topic registry.services
    python -m gerai.messaging.replay --bootstrap … --group queue.replica --dead-letters

They go to the group's own topic of replays, never to the topic they came from: there every other group would
have to read them, and on a compacted topic an old state would take the place of the newest. They keep their
event id and carry `ce_replayedfor`, which handlers see, so that nobody is told twice; an effect that is there
already is not repeated (its inbox row stands), unless that row was removed on purpose.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from gerai.messaging.consumer import REPLAYED_FOR
from gerai.messaging.dead_letters import LARGEST_BYTES, TRUNCATED, dead_letter_topic, replay_topic

log = structlog.get_logger(__name__)

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


async def replay(bootstrap: str, *, group: str, topic: str, extent: Extent | None = None) -> int:
    """Send a part of a topic to one group again. Returns how many records; nothing is lost if it is repeated."""
    wanted = extent or Extent()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_request_size=LARGEST_BYTES
    )
    await asyncio.wait_for(producer.start(), ANSWER_S)
    try:
        sent = 0
        async for records in _read(bootstrap, topic, wanted):
            chosen = [record for record in records if _is_wanted(record, wanted)]
            await asyncio.wait_for(_send(producer, group, chosen), ANSWER_S)
            sent += len(chosen)
    finally:
        await asyncio.wait_for(producer.stop(), ANSWER_S)
    log.info("replayed", group=group, topic=topic, records=sent)
    return sent


async def replay_dead_letters(bootstrap: str, *, group: str, extent: Extent | None = None) -> int:
    """Send a group's dead letters to it again, as they once came; for when the group has been repaired."""
    return await replay(bootstrap, group=group, topic=dead_letter_topic(group).name, extent=extent)


async def _send(producer: AIOKafkaProducer, group: str, records: Sequence[Any]) -> None:
    topic = replay_topic(group).name
    under_way = [
        await producer.send(
            topic, key=one.key or None, value=one.value, headers=headers_for(group, one.headers)
        )
        for one in records
    ]
    await asyncio.gather(*under_way)


def headers_for(group: str, headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The record's own headers, marked as a replay for the group."""
    kept = [(name, raw) for name, raw in headers if name != REPLAYED_FOR and not name.startswith(DEAD)]
    return [*kept, (REPLAYED_FOR, group.encode())]


def _is_wanted(record: Any, extent: Extent) -> bool:
    if any(name == TRUNCATED for name, _ in record.headers):
        log.warning("truncated-not-replayed", topic=record.topic, offset=record.offset)
        return False
    if extent.key is not None and record.key != extent.key:
        return False
    return extent.event_id is None or ("ce_id", extent.event_id.encode()) in record.headers


async def _read(bootstrap: str, topic: str, extent: Extent) -> AsyncIterator[list[Any]]:
    """The records of the extent, up to where the topic ends now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=LARGEST_BYTES
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
    parser.add_argument("--bootstrap", required=True, help="a Kafka broker, host:port")
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
    return parser.parse_args()


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
    asyncio.run(replay(given.bootstrap, group=given.group, topic=topic, extent=extent))


if __name__ == "__main__":
    main()
