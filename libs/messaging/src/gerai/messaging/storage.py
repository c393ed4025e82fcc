"""The port to what keeps state: MongoDB in `mongo/`, a twin in `memory/`; both pass one contract test."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.selection import Selection


class OnceKind(StrEnum):
    """Where a once-key is kept: answers to HTTP callers, or the inbox of a consumer group."""

    IDEMPOTENCY = "idempotency"
    INBOX = "inbox"


@dataclass(frozen=True, kw_only=True)
class Once:
    """The key under which a command takes effect at most once."""

    kind: OnceKind
    key: str
    """Idempotency: a hash of caller and key. Inbox: "group:event id"."""
    fingerprint: str = ""
    """A hash of the request; the same key with another one is refused."""


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """What the first run under a once-key answered."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    repeated: bool = False
    """True where this is an earlier run's answer. Not stored."""


@dataclass(frozen=True, kw_only=True)
class OutboxRow:
    """An event on its way to Kafka, as it stands in the `outbox` collection. Unique by (aggregate, version)."""

    id: str
    """UUIDv7; becomes ce_id."""
    topic: str
    key: str | bytes
    """The record key: the aggregate's id."""
    aggregate: str
    version: int
    position: int
    """Microseconds, never falling within one aggregate: rows sorted by it keep each aggregate's order,
    whatever the clocks of the processes say."""
    headers: Mapping[str, str | bytes]
    """ce_* and traceparent, ready for the wire; and `caused_by`, which `tracing` takes out."""
    body: bytes
    type: str
    tenant: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class TimerRow:
    """A durable timer. Setting it again under the same id moves it."""

    id: str
    """"<name>:<key>", e.g. "end-of-day:<site>:2026-11-24"."""
    name: str
    key: str
    tenant: str
    due: datetime
    """Business time, UTC."""
    payload: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    """Another one with each setting, so that a firing of the old setting misses."""


@dataclass(kw_only=True)
class Batch:
    """Everything that one transaction writes."""

    added: list[Aggregate] = field(default_factory=list)
    changed: list[tuple[Aggregate, Aggregate]] = field(default_factory=list)
    """(new state, the state as it was read: it must still have this version in the store)"""
    outbox: list[OutboxRow] = field(default_factory=list)
    once: list[tuple[Once, StoredAnswer]] = field(default_factory=list)
    timers_set: list[TimerRow] = field(default_factory=list)
    timers_done: list[TimerRow] = field(default_factory=list)
    """Must still stand with the same version, else the batch conflicts."""
    timers_cancelled: list[str] = field(default_factory=list)
    documents: list["DocumentWrite"] = field(default_factory=list)

    def cancel_timers(self, ids: Sequence[str]) -> None:
        """Those that the batch itself has set are not set then; one that is set later stands."""
        self.timers_set = [row for row in self.timers_set if row.id not in ids]
        self.timers_cancelled.extend(ids)

    def is_empty(self) -> bool:
        return not any(vars(self).values())


@dataclass(frozen=True, kw_only=True)
class DocumentWrite:
    """A plain document beside the aggregates (read models, parked records): replaced, or deleted where None."""

    collection: str
    id: str
    document: Mapping[str, Any] | None


class Conflict(Exception):
    """Somebody else changed what the batch relied on. Nothing was written; read again and retry."""


class Overtaken(Conflict):
    """Another process was faster on the same aggregate or document; the same batch, read again, may well succeed."""


class AlreadyDone(Conflict):
    """A unique key of the batch was used in the meantime: a once-key, or an aggregate's. Read again, it is known."""


class TimerGone(AlreadyDone):
    """A timer that the batch completes was moved or done in the meantime. That does not change by reading again."""


class StoreBusy(Exception):
    """The same data kept changing, or the process stops; nothing was acknowledged. Retrying is safe."""


class TooManyWaiting(StoreBusy):
    """The caller's regency has more commands waiting than its share. Others have room; retrying later is safe."""


class Storage(Protocol):
    """Reads see only what is majority-committed; `commit` is one majority-committed, journaled transaction."""

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]: ...

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]: ...

    async def answers(self, keys: Sequence[Once]) -> dict[str, StoredAnswer]: ...

    async def commit(self, batch: Batch) -> None:
        """Raises Conflict (nothing written), or the driver's error when the store is out of reach."""
        ...
