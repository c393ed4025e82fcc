"""Topics of a consumer group. Dead letters: poison goes there with its original bytes, through the outbox."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import uuid_utils.compat as uuids

from gerai.contracts.event import Cleanup, Topic
from gerai.messaging.record import Record
from gerai.messaging.storage import OutboxRow

DETAIL_LIMIT = 500
LARGEST_BYTES = 4 * 1024 * 1024
"""Of a record on a group's own topics, all counted."""
KEPT_BYTES = 3 * 1024 * 1024
"""Of the poison's key, headers and value together. Beyond it the letter holds a part: the outbox and the topic take
only so much, and what they do not take would hold up the group for ever."""
KEPT_OF_KEY = 256 * 1024
KEPT_OF_HEADERS = 512 * 1024
HEADERS_LIMIT = 1_000
TRUNCATED = "dead_truncated"
"""A header of letters that hold a part only, and cannot be replayed. The original is where `dead_topic`,
`dead_partition` and `dead_offset` say, for as long as its topic keeps it."""


def dead_letter_topic(group: str) -> Topic:
    return Topic(
        name=f"{group}.dead-letters",
        key="the record's own key",
        partitions=1,
        retention_days=90,
        cleanup=Cleanup.DELETE,
        owner=group.partition(".")[0],
        max_bytes=LARGEST_BYTES,
    )


def replay_topic(group: str) -> Topic:
    """Where records are sent again for this group alone; see `replay`."""
    return Topic(
        name=f"{group}.replays",
        key="the record's own key",
        partitions=1,
        retention_days=7,
        cleanup=Cleanup.DELETE,
        owner=group.partition(".")[0],
        max_bytes=LARGEST_BYTES,
    )


def group_topics(group: str) -> tuple[Topic, Topic]:
    """The topics that every consumer group has for itself."""
    return dead_letter_topic(group), replay_topic(group)


def owner_of_group_topic(name: str) -> str | None:
    """The service whose consumer group has this topic for itself; None where the name is no such topic's."""
    group, _, kind = name.rpartition(".")
    return group.partition(".")[0] if group and kind in ("dead-letters", "replays") else None


def dead_letter(record: Record, *, group: str, reason: str, detail: str, attempts: int) -> OutboxRow:
    """The row that carries a poison record away. Unique by what the record is: one record, one dead letter."""
    told: dict[str, str | bytes] = {
        "dead_reason": storable_text(reason)[:DETAIL_LIMIT],
        "dead_detail": storable_text(detail)[:DETAIL_LIMIT],
        "dead_group": group,
        "dead_topic": record.topic,
        "dead_partition": str(record.partition),
        "dead_offset": str(record.offset),
        "dead_timestamp": str(record.timestamp),
        "dead_attempts": str(attempts),
    }
    key, value, headers = record.key or b"", record.value or b"", record.headers
    if record.size_beside + len(value) > KEPT_BYTES or len(headers) > HEADERS_LIMIT:
        told |= _original_of(record)
        key, headers = key[:KEPT_OF_KEY], _first_headers(record)
        kept = replace(record, key=key, headers=headers)
        value = value[: KEPT_BYTES - kept.size_beside]
    return OutboxRow(
        id=str(uuids.uuid7()),
        topic=dead_letter_topic(group).name,
        key=key,
        aggregate=f"dead-letter:{group}:{record.identity}",
        version=record.offset,
        position=time.time_ns() // 1000,
        headers=_with_own(told, headers),
        body=value,
        type="dead-letter",
        tenant="",
        at=datetime.now(UTC),
    )


def storable_text(text: str) -> str:
    """With what no document can hold written out: a lone surrogate is no Unicode text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _original_of(record: Record) -> dict[str, str]:
    """By which a person knows the original again."""
    value = record.value or b""
    return {
        TRUNCATED: "yes",
        "dead_value_bytes": str(len(value)),
        "dead_value_sha256": hashlib.sha256(value).hexdigest(),
        "dead_key_bytes": str(len(record.key or b"")),
        "dead_headers": str(len(record.headers)),
        "dead_headers_bytes": str(record.size_beside - len(record.key or b"")),
    }


def _first_headers(record: Record) -> tuple[tuple[str, bytes], ...]:
    """As many as a letter takes, without those that are too large themselves."""
    taken: list[tuple[str, bytes]] = []
    room = KEPT_OF_HEADERS
    for name, raw in record.headers[:HEADERS_LIMIT]:
        size = len(name.encode()) + len(raw)
        if size <= room:
            taken.append((name, raw))
            room -= size
    return tuple(taken)


def _with_own(told: dict[str, str | bytes], own: Sequence[tuple[str, bytes]]) -> dict[str, str | bytes]:
    """The poison's own headers beside ours, under names that a document can hold: none has a NUL, none comes twice
    ("trace", "trace#2")."""
    headers = dict(told)
    last: dict[str, int] = {}
    for name, value in own:
        plain = free = name.replace("\0", "\\0")
        while free in headers:
            last[plain] = last.get(plain, 1) + 1
            free = f"{plain}#{last[plain]}"
        headers[free] = value
    return headers
