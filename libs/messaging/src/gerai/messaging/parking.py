"""Parked keys: what waits for something that is not there yet, in order, without holding up other keys."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from gerai.messaging import metrics
from gerai.messaging.record import Record
from gerai.messaging.unit_of_work import UnitOfWork

COLLECTION = "parked"
ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Parked:
    """A record that waits, as it stands in `parked`."""

    id: str
    record: Record
    attempts: int
    retry_at: datetime
    """Infrastructure time."""
    reason: str


class ParkedRecords(Protocol):
    """The reading side."""

    async def of_group(self, group: str, limit: int) -> list[Parked]:
        """Oldest first within each partition."""
        ...

    async def remove(self, id: str) -> None: ...


class Parking:
    """One consumer group's parked records. Which lanes wait is known in memory and loaded again after every
    change of partitions; the records themselves are written with the transaction that parks them."""

    def __init__(self, group: str, records: ParkedRecords) -> None:
        self._group = group
        self._records = records
        self._lanes: Counter[str] = Counter()
        self.lock = asyncio.Lock()

    def holds(self, record: Record) -> bool:
        return self._lanes[record.lane] > 0

    def remember(self, record: Record) -> None:
        self._lanes[record.lane] += 1
        self._measure()

    async def load(self, limit: int = 10_000) -> list[Parked]:
        """What waits; also refreshes the lanes."""
        found = await self._records.of_group(self._group, limit)
        self._lanes = Counter(parked.record.lane for parked in found)
        self._measure()
        return found

    def keep(self, uow: UnitOfWork, record: Record, *, reason: str, attempts: int) -> None:
        """Write the record down; `attempts` 0 for one that only follows."""
        pause = min(FIRST_PAUSE * 2 ** min(attempts, 12), LONGEST_PAUSE)
        document: dict[str, Any] = {
            "group": self._group,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "key": record.key,
            "value": record.value,
            "headers": [[name, value] for name, value in record.headers],
            "attempts": attempts,
            "reason": reason,
            "retry_at": datetime.now(UTC) + pause,
        }
        uow.write_document(COLLECTION, self.id_of(record), document)

    def forget(self, uow: UnitOfWork, id: str) -> None:
        uow.write_document(COLLECTION, id, None)

    async def drop(self, id: str) -> None:
        await self._records.remove(id)

    def id_of(self, record: Record) -> str:
        return f"{self._group}:{record.place}"

    def _measure(self) -> None:
        metrics.PARKED_KEYS.labels(self._group).set(sum(1 for waiting in self._lanes.values() if waiting > 0))


def parked_from(document: Mapping[str, Any]) -> Parked:
    headers: Sequence[Sequence[Any]] = document["headers"]
    record = Record(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        key=document["key"],
        value=document["value"],
        headers=tuple((str(name), bytes(value)) for name, value in headers),
    )
    return Parked(
        id=document["_id"],
        record=record,
        attempts=document["attempts"],
        retry_at=document["retry_at"],
        reason=document["reason"],
    )
