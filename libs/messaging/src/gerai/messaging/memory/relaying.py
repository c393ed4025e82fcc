"""Twins of what the relay and the timers use: outbox, lease, due timers, and a broker in memory."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gerai.messaging.lease import Lease, LeaseLost
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.outbox import Pending, Published
from gerai.messaging.parking import COLLECTION, Counts, Lane, Parked, Partitions, home, parked_from
from gerai.messaging.record import Record
from gerai.messaging.storage import OutboxRow, TimerRow
from gerai.messaging.timers import share_of_failed


class MemoryOutbox:
    """Implements `Outbox` over what a `MemoryStorage` holds."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self.done: set[str] = set()
        self.parked: dict[str, str] = {}

    async def pending(
        self, limit: int, *, beyond: Sequence[Pending] = (), resting: Collection[str] = ()
    ) -> list[Pending]:
        left_out = {*self.done, *(row.id for row in beyond)}
        waiting = [row for row in self._storage.outbox if row.id not in left_out and row.topic not in resting]
        if beyond and any(row.position < max(one.position for one in beyond) for row in waiting):
            return []
        return [_pending(row) for row in sorted(waiting, key=lambda row: row.position)[:limit]]

    async def published(self, ids: Sequence[str], lease: Lease) -> None:
        await lease.guard()
        self.done.update(ids)

    async def park(self, row: Pending, reason: str, lease: Lease) -> None:
        await lease.guard()
        self.done.add(row.id)
        self.parked[row.id] = reason

    async def backlog(self) -> int:
        return len(await self.pending(100_000))

    async def oldest(self) -> datetime | None:
        waiting = await self.pending(1)
        return waiting[0].created_at if waiting else None


class MemoryLeases:
    """All the leases of one store; time is what the test says."""

    def __init__(self) -> None:
        self.holders: dict[str, tuple[str, float]] = {}
        self.now = 0.0


class MemoryLease:
    """Implements `Lease`."""

    def __init__(self, leases: MemoryLeases, name: str, token: str, *, seconds: float = 10.0) -> None:
        self._leases = leases
        self._name = name
        self._token = token
        self.seconds = seconds

    async def hold(self) -> bool:
        token, until = self._leases.holders.get(self._name, (self._token, float("-inf")))
        if token != self._token and until > self._leases.now:
            return False
        self._leases.holders[self._name] = (self._token, self._leases.now + self.seconds)
        return True

    async def guard(self) -> None:
        token, _ = self._leases.holders.get(self._name, ("", 0.0))
        if token != self._token:
            raise LeaseLost(self._name)
        await self.hold()

    async def release(self) -> None:
        token, _ = self._leases.holders.get(self._name, ("", 0.0))
        if token == self._token:
            del self._leases.holders[self._name]


class MemoryPastDocuments:
    """Implements `PastDocuments` over a `MemoryStorage`."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def delete(self, collection: str, past: Mapping[str, Any], limit: int) -> int:
        there = self._storage.collection(collection)
        gone = [id for id, one in there.items() if _fits(one, past)][:limit]
        for id in gone:
            self._storage.forget(collection, id)
        return len(gone)

    async def count(self, collection: str, where: Mapping[str, Any], limit: int) -> int:
        there = self._storage.collection(collection).values()
        return min(limit, sum(_fits(one, where) for one in there))


class MemoryDueTimers:
    """Implements `DueTimers`."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def due(self, names: Collection[str], at: datetime, limit: int, *, now: datetime) -> list[TimerRow]:
        ours = [row for row in self._storage.timers.values() if row.name in names and row.due <= at]
        fresh = sorted((row for row in ours if row.next_try is None), key=lambda row: row.due)
        tries = [(row.next_try, row) for row in ours if row.next_try is not None and row.next_try <= now]
        failed = [row for _, row in sorted(tries, key=lambda one: one[0])]
        return share_of_failed(fresh[:limit], failed[:limit], limit)

    async def failed(self, timer: TimerRow, *, error: str, next_try: datetime) -> None:
        stored = self._storage.timers.get(timer.id)
        if stored is not None and stored.version == timer.version:
            self._storage.timers[timer.id] = replace(
                stored, attempts=timer.attempts + 1, last_error=error, next_try=next_try
            )

    async def others_due(self, names: Collection[str], at: datetime) -> set[str]:
        return {row.name for row in self._storage.timers.values() if row.name not in names and row.due <= at}


class MemoryParkedRecords:
    """Implements `ParkedRecords`."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    async def lanes(self, group: str) -> Mapping[str, Lane]:
        lanes: dict[str, Lane] = {}
        for one in self._of(group):
            records, last = lanes.get(one.record.lane, (0, 0))
            lanes[one.record.lane] = Lane(records + 1, max(last, one.sequence or 0))
        return lanes

    async def due(
        self, group: str, now: datetime, limit: int, *, owned: Partitions, counts: Counts
    ) -> list[Parked]:
        first: dict[str, Parked] = {}
        for one in self._of(group):
            first.setdefault(one.record.lane, one)
        ours = [
            one
            for one in first.values()
            if home(one.record, counts.get(one.record.topic)) in owned.get(one.record.topic, ())
        ]
        due = [one for one in ours if one.retry_at <= now]
        return sorted(due, key=lambda one: one.retry_at)[:limit]

    async def of_lane(self, group: str, lane: str, limit: int) -> list[Parked]:
        return [one for one in self._of(group) if one.record.lane == lane][:limit]

    def _of(self, group: str) -> list[Parked]:
        documents = self._storage.documents[COLLECTION].items()
        found = [parked_from({**one, "_id": id}) for id, one in documents if one["group"] == group]
        return sorted(found, key=lambda one: (one.sequence or 0, one.record.partition, one.record.offset))

    async def has(self, id: str) -> bool:
        return id in self._storage.documents[COLLECTION]

    async def remove(self, id: str) -> None:
        self._storage.documents[COLLECTION].pop(id, None)


class MemoryBroker:
    """A broker of one partition a topic, and a `Publisher` to it. `fails` counts down publishes that break;
    `acknowledges` is how many rows of such a publish still get through. Topics in `missing` do not exist."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}
        self.fails = 0
        self.acknowledges = 0
        self.refuses: set[str] = set()
        self.missing: set[str] = set()
        self.publishers = 0

    async def connect(self) -> "MemoryBroker":
        self.publishers += 1
        return self

    async def publish(self, rows: Sequence[Pending], *, left: Callable[[], float]) -> Published:
        if left() <= 0:
            return Published(acknowledged=())
        broken = self.fails > 0
        self.fails -= broken
        failed = {row.topic: "no such topic" for row in rows if row.topic in self.missing}
        rows = [row for row in rows if row.topic not in failed]
        taken = rows[: self.acknowledges] if broken else rows
        refused = {row.id: "too_large" for row in taken if row.id in self.refuses}
        for row in taken:
            if row.id not in refused:
                self._append(row)
        acknowledged = [row.id for row in taken if row.id not in refused]
        return Published(acknowledged=acknowledged, refused=refused, failed=failed, broken=broken)

    def _append(self, row: Pending) -> None:
        log = self.topics.setdefault(row.topic, [])
        headers = tuple(row.headers.items())
        log.append(
            Record(
                topic=row.topic, partition=0, offset=len(log), key=row.key, value=row.body, headers=headers
            )
        )

    async def close(self) -> None:
        return None


def _pending(row: OutboxRow) -> Pending:
    return Pending(
        id=row.id,
        topic=row.topic,
        key=row.key.encode() if isinstance(row.key, str) else row.key,
        body=row.body,
        headers={name: one.encode() if isinstance(one, str) else one for name, one in row.headers.items()},
        position=row.position,
        created_at=datetime.now(UTC),
    )


def _fits(document: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    return all(
        not any(_fits(document, one) for one in wanted)
        if field == "$nor"
        else _holds(document.get(field), wanted)
        for field, wanted in where.items()
    )


def _holds(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    tests: dict[str, Callable[[Any], bool]] = {
        "$in": lambda operand: value in operand,
        "$nin": lambda operand: value not in operand,
        "$lte": lambda operand: value is not None and value <= operand,
    }
    return all(tests[operator](operand) for operator, operand in wanted.items())
