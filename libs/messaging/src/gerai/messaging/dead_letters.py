"""Topics of a consumer group. Dead letters: poison goes there with its original bytes, through the outbox."""

import time
from datetime import UTC, datetime

import uuid_utils.compat as uuids

from gerai.contracts.event import Cleanup, Topic
from gerai.messaging.record import Record
from gerai.messaging.storage import OutboxRow

DETAIL_LIMIT = 500
LARGEST_BYTES = 4 * 1024 * 1024


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
        readers=(group.partition(".")[0],),
        max_bytes=LARGEST_BYTES,
    )


def group_topics(group: str) -> tuple[Topic, Topic]:
    """The topics that every consumer group has for itself."""
    return dead_letter_topic(group), replay_topic(group)


def dead_letter(record: Record, *, group: str, reason: str, detail: str, attempts: int) -> OutboxRow:
    """The row that carries a poison record away. Unique by the record's place: one record, one dead letter."""
    told: dict[str, str | bytes] = {
        "dead_reason": reason,
        "dead_detail": detail[:DETAIL_LIMIT],
        "dead_group": group,
        "dead_topic": record.topic,
        "dead_partition": str(record.partition),
        "dead_offset": str(record.offset),
        "dead_attempts": str(attempts),
    }
    return OutboxRow(
        id=str(uuids.uuid7()),
        topic=dead_letter_topic(group).name,
        key=record.key or b"",
        aggregate=f"dead-letter:{group}:{record.topic}/{record.partition}",
        version=record.offset,
        position=time.time_ns() // 1000,
        headers=_with_own(told, record),
        body=record.value or b"",
        type="dead-letter",
        tenant="",
        at=datetime.now(UTC),
    )


def _with_own(told: dict[str, str | bytes], record: Record) -> dict[str, str | bytes]:
    """The poison's own headers beside ours, under names that a document can hold: none has a NUL, none comes twice
    ("trace", "trace#2")."""
    headers = dict(told)
    for name, value in record.headers:
        plain = free = name.replace("\0", "\\0")
        again = 2
        while free in headers:
            free, again = f"{plain}#{again}", again + 1
        headers[free] = value
    return headers
