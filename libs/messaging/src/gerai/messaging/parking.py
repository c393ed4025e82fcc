"""Parked keys: what waits for something that is not there yet, in order, without holding up other keys.

A lane is one key of one topic. Its records stand in the order in which they were parked, whatever their places say: a
topic that was made again counts its offsets from 0, and one that has grown may put the key on another partition. Its
first record is tried again with growing pauses; its followers queue behind it and are handled as soon as it is done. `parked` holds the records; which lanes wait is also
known in memory, loaded after every change of partitions.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from aiokafka.partitioner import murmur2

from gerai.messaging import metrics
from gerai.messaging.dead_letters import storable_text
from gerai.messaging.record import Record
from gerai.messaging.unit_of_work import UnitOfWork

COLLECTION = "parked"
Partitions = Mapping[str, Collection[int]]
"""Topic → some of its partitions."""
Counts = Mapping[str, int]
"""Topic → how many partitions it has."""
NOT_COUNTED: Counts = MappingProxyType({})
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=2)
REASON_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Parked:
    """A record that waits, as it stands in `parked`."""

    id: str
    record: Record
    attempts: int
    """0 for one that only follows."""
    since: datetime
    retry_at: datetime
    """Infrastructure time, as `since`."""
    reason: str
    sequence: int | None = None
    """Its place in the lane; None for what an earlier version parked, which stands before all others, by its offset."""


class Lane(NamedTuple):
    """What waits of one key."""

    records: int
    last: int
    """The highest sequence in it."""


class ParkedRecords(Protocol):
    """The reading side."""

    async def lanes(self, group: str) -> Mapping[str, Lane]: ...

    async def due(
        self, group: str, now: datetime, limit: int, *, owned: Partitions, counts: Counts
    ) -> list[Parked]:
        """The first record of each lane where that is due and has its `home` in one of the partitions, without its
        value; the longest due first."""
        ...

    async def of_lane(self, group: str, lane: str, limit: int) -> list[Parked]:
        """In the order in which they were parked."""
        ...

    async def has(self, id: str) -> bool: ...

    async def remove(self, id: str) -> None: ...


class Parking:
    """One consumer group's parked records, as one process sees them."""

    def __init__(self, group: str, records: ParkedRecords) -> None:
        self._group = group
        self._records = records
        self._lanes: dict[str, int] = {}
        """How many records wait in each."""
        self._last: dict[str, int] = {}
        """The highest sequence in each."""

    def holds(self, record: Record) -> bool:
        return bool(self._lanes) and record.lane in self._lanes

    async def has(self, record: Record) -> bool:
        """Whether the record itself waits already."""
        return await self._records.has(self.id_of(record))

    async def load(self) -> None:
        """Learn which lanes wait: another process may have parked or finished some."""
        lanes = await self._records.lanes(self._group)
        self._last = {name: max(one.last, self._last.get(name, 0)) for name, one in lanes.items()}
        self._lanes = {name: one.records for name, one in lanes.items()}
        metrics.PARKED_KEYS.labels(self._group).set(len(self._lanes))

    async def due(
        self, now: datetime, limit: int, *, owned: Partitions, counts: Counts = NOT_COUNTED
    ) -> list[Record]:
        """The first record of each lane that should be tried again by who owns these partitions."""
        found = await self._records.due(self._group, now, limit, owned=owned, counts=counts)
        return [parked.record for parked in found]

    async def of_lane(self, record: Record, limit: int) -> list[Parked]:
        return await self._records.of_lane(self._group, record.lane, limit)

    def keep(
        self,
        uow: UnitOfWork,
        record: Record,
        *,
        reason: str,
        attempts: int,
        again: Parked | None = None,
    ) -> None:
        """Write the record down with the command's transaction. `again`: as it waits already; it keeps its place in
        the lane and the time since when it waits."""
        now = datetime.now(UTC)
        pause = min(FIRST_PAUSE * 2 ** min(attempts - 1, 12), LONGEST_PAUSE) if attempts else timedelta()
        document: dict[str, Any] = {
            "group": self._group,
            "lane": record.lane,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": record.key,
            "value": record.value,
            "headers": [[name, value] for name, value in record.headers],
            "timestamp": record.timestamp,
            "attempts": attempts,
            "reason": storable_text(reason)[:REASON_LIMIT],
            "since": now if again is None else again.since,
            "retry_at": now + pause,
            "sequence": self._next_of(record.lane) if again is None else again.sequence,
            "hash": hash_of(record.key),
        }
        uow.write_document(COLLECTION, self.id_of(record) if again is None else again.id, document)

    def _next_of(self, lane: str) -> int:
        """Behind all that waits there, whichever process has parked it, and however its clock goes."""
        self._last[lane] = max(time.time_ns(), self._last.get(lane, 0) + 1)
        return self._last[lane]

    def kept(self, record: Record) -> None:
        """It is written down; from now on its lane waits."""
        self._lanes[record.lane] = self._lanes.get(record.lane, 0) + 1

    def forget(self, uow: UnitOfWork, id: str) -> None:
        uow.write_document(COLLECTION, id, None)

    async def drop(self, id: str) -> None:
        await self._records.remove(id)

    def id_of(self, record: Record) -> str:
        return f"{self._group}:{record.identity}"


def hash_of(key: bytes | None) -> int | None:
    """What Kafka's own clients place a key by."""
    return None if key is None else int(murmur2(key)) & 0x7FFFFFFF


def home(record: Record, count: int | None) -> int:
    """The partition whose owner tries it again: its own; where its topic has only so many now, the one that would have
    it today. `mongo.parked` asks the same of the store."""
    if count is None or record.partition < count:
        return record.partition
    hash = hash_of(record.key)
    return (record.partition if hash is None else hash) % count


def parked_from(document: Mapping[str, Any]) -> Parked:
    headers: Sequence[Sequence[Any]] = document["headers"]
    record = Record(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        key=document["key"],
        value=document.get("value"),
        headers=tuple((str(name), bytes(value)) for name, value in headers),
        timestamp=document.get("timestamp", 0),
    )
    return Parked(
        id=document["_id"],
        record=record,
        attempts=document["attempts"],
        since=document["since"],
        retry_at=document["retry_at"],
        reason=document["reason"],
        sequence=document.get("sequence"),
    )
