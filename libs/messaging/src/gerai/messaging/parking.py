"""Parked keys: what waits for something that is not there yet, in order, without holding up other keys.

A lane is one key of one topic. Its first parked record is tried again with growing pauses; its followers
queue behind it and are handled as soon as it is done. `parked` holds the records; which lanes wait is also
known in memory, loaded after every change of partitions.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from gerai.messaging import metrics
from gerai.messaging.dead_letters import storable_text
from gerai.messaging.record import Record
from gerai.messaging.unit_of_work import UnitOfWork

COLLECTION = "parked"
Partitions = Mapping[str, Collection[int]]
"""Topic → some of its partitions."""
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


class ParkedRecords(Protocol):
    """The reading side."""

    async def lanes(self, group: str) -> Mapping[str, int]:
        """How many records wait in each lane."""
        ...

    async def due(self, group: str, now: datetime, limit: int, *, owned: Partitions) -> list[Parked]:
        """The first record of each lane where that is due and stands in one of the partitions, without its value; the
        longest due first."""
        ...

    async def of_lane(self, group: str, lane: str, limit: int) -> list[Parked]:
        """Oldest first."""
        ...

    async def has(self, id: str) -> bool: ...

    async def remove(self, id: str) -> None: ...


class Parking:
    """One consumer group's parked records, as one process sees them."""

    def __init__(self, group: str, records: ParkedRecords) -> None:
        self._group = group
        self._records = records
        self._lanes: Counter[str] = Counter()

    def holds(self, record: Record) -> bool:
        return bool(self._lanes) and self._lanes[record.lane] > 0

    async def has(self, record: Record) -> bool:
        """Whether the record itself waits already."""
        return await self._records.has(self.id_of(record))

    async def load(self) -> None:
        """Learn which lanes wait: another process may have parked or finished some."""
        self._lanes = Counter(await self._records.lanes(self._group))
        metrics.PARKED_KEYS.labels(self._group).set(len(self._lanes))

    async def due(self, now: datetime, limit: int, *, owned: Partitions) -> list[Record]:
        """The first record of each lane that should be tried again by who owns these partitions."""
        return [parked.record for parked in await self._records.due(self._group, now, limit, owned=owned)]

    async def of_lane(self, record: Record, limit: int) -> list[Parked]:
        return await self._records.of_lane(self._group, record.lane, limit)

    def keep(
        self,
        uow: UnitOfWork,
        record: Record,
        *,
        reason: str,
        attempts: int,
        since: datetime | None = None,
        id: str | None = None,
    ) -> None:
        """Write the record down with the command's transaction. `id`: under which it waits already."""
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
            "since": since or now,
            "retry_at": now + pause,
        }
        uow.write_document(COLLECTION, id or self.id_of(record), document)

    def kept(self, record: Record) -> None:
        """It is written down; from now on its lane waits."""
        self._lanes[record.lane] += 1

    def forget(self, uow: UnitOfWork, id: str) -> None:
        uow.write_document(COLLECTION, id, None)

    async def drop(self, id: str) -> None:
        await self._records.remove(id)

    def id_of(self, record: Record) -> str:
        return f"{self._group}:{record.identity}"


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
    )
