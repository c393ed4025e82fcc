"""The port to what keeps state: MongoDB in `mongo/`, a twin in `memory/`; both pass one contract test."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.job import Job, JobRow
from gerai.messaging.refusal import Refusal
from gerai.messaging.sealing import NOTHING_AT_HAND, KeyedCipher, WrappingKeys
from gerai.messaging.selection import Selection

ID_INDEX = "_id_"
"""As MongoDB names the index of ids."""
EVENT_INDEX = ("outbox", "event")
"""Collection and index by which each version of an aggregate has one event."""


class KeyKind(StrEnum):
    """Where an idempotency key is kept: answers to HTTP callers, or the inbox of a consumer group."""

    IDEMPOTENCY = "idempotency"
    INBOX = "inbox"


ONCE_IN = {KeyKind.IDEMPOTENCY: "outbox", KeyKind.INBOX: "inbox"}
"""What leaves the service is in the outbox: events on their way to Kafka, and answers to callers, kept in case
that they ask again. So a command that is answered once costs no insert of its own."""


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """The key under which a command takes effect at most once."""

    kind: KeyKind
    key: str
    """Idempotency: a hash of caller and key. Inbox: "group:event id"."""
    fingerprint: str = ""
    """A hash of the request; the same key with another one is refused."""
    earlier_fingerprint: str | None = None
    """The same as an earlier version made it."""

    def fits(self, fingerprint: str) -> bool:
        """Whether what is kept under this key was answered to the same request."""
        return fingerprint in (self.fingerprint, self.earlier_fingerprint)

    @property
    def keeps_answer(self) -> bool:
        """Of a record that was handled, nothing is kept but that it was."""
        return self.kind is KeyKind.IDEMPOTENCY


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """What the first run under an idempotency key answered."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    repeated: bool = False
    """True where this is an earlier run's answer. Not stored."""
    forgotten: bool = False
    """True where it was about a person who was forgotten meanwhile: nobody can read it. Not stored."""

    @classmethod
    def under(cls, key: IdempotencyKey, answer: "StoredAnswer | None") -> "StoredAnswer":
        """As it is kept under a key; a command that answers nothing has an empty one."""
        if answer is None:
            return cls(body=b"", fingerprint=key.fingerprint)
        return cls(body=answer.body, headers=answer.headers, fingerprint=key.fingerprint)


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
    attempts: int = 0
    """Failed ones, since it was set; setting it again begins anew."""
    last_error: str = ""
    next_try: datetime | None = None
    """Infrastructure time. None: it has not failed."""


class Encoded(NamedTuple):
    """The store's own form of something in a batch, made when the command joined the group."""

    of: object
    read: object
    """Of a changed aggregate: the state that it was compared with."""
    form: Any


@dataclass(kw_only=True)
class Batch:
    """Everything that one transaction writes."""

    added: list[Aggregate] = field(default_factory=list)
    changed: list[tuple[Aggregate, Aggregate]] = field(default_factory=list)
    """(new state, the state as it was read: it must still have this version in the store)"""
    guarded: list[Aggregate] = field(default_factory=list)
    """As they were read: what the batch rests on and does not change. Each must still have this version in the store,
    and nobody may change it, or guard it, in a transaction beside this one."""
    outbox: list[OutboxRow] = field(default_factory=list)
    idempotency_keys: list[tuple[IdempotencyKey, StoredAnswer]] = field(default_factory=list)
    timers_set: list[TimerRow] = field(default_factory=list)
    timers_done: list[TimerRow] = field(default_factory=list)
    """Must still stand with the same version, else the batch conflicts."""
    timers_cancelled: list[str] = field(default_factory=list)
    jobs_wanted: list[JobRow] = field(default_factory=list)
    """One whose id stands already is left as it is."""
    jobs_done: list[Job] = field(default_factory=list)
    """Must still be leased under the same token, else the batch conflicts."""
    documents: list["DocumentWrite"] = field(default_factory=list)
    cipher: KeyedCipher = NOTHING_AT_HAND
    """The keys of the encrypted fields that it writes."""
    encoded: dict[int, Encoded] = field(default_factory=dict)
    """By `id()`. It keeps alive what it is of, so that no other object can have that id."""

    def cancel_timers(self, ids: Sequence[str]) -> None:
        """Those that the batch itself has set are not set then; one that is set later stands."""
        self.timers_set = [row for row in self.timers_set if row.id not in ids]
        self.timers_cancelled.extend(ids)

    def is_empty(self) -> bool:
        return not any(part for name, part in vars(self).items() if name != "cipher")


@dataclass(frozen=True, kw_only=True)
class DocumentWrite:
    """A plain document beside the aggregates (read models, parked records): replaced, or deleted where None."""

    collection: str
    id: str
    document: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index that a service needs on one of its collections."""

    collection: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    where: Mapping[str, Any] | None = None
    """A partial filter."""
    refusal: Callable[[], Refusal] | None = None
    """Of a unique one: what a command is told whose key is taken, also after everything was read again. Without it
    that is a fault of ours, under the names of the collection and the index."""

    @property
    def name(self) -> str:
        """As MongoDB names it: "site_id_1_local_day_1"."""
        return "_".join(f"{field}_{direction}" for field, direction in self.keys)


class Conflict(Exception):
    """Somebody else changed what the batch relied on. Nothing was written; read again and retry."""


class VersionConflict(Conflict):
    """Another process was faster on the same aggregate or document; the same batch, read again, may well succeed."""


class KeyTaken(Conflict):
    """A unique key of the batch is in the store already: an idempotency key, an aggregate's id, or one of a declared index.
    Read again, it is usually known; where it is not, no retry helps."""

    def __init__(
        self,
        collection: str,
        index: str,
        *,
        key: Mapping[str, Any] | None = None,
        refusal: Callable[[], Refusal] | None = None,
    ) -> None:
        """`key`: the values that are taken; not in the text, for they may be personal."""
        super().__init__(f"a unique key of {collection} is taken: {index}")
        self.collection = collection
        self.index = index
        self.key = key
        self.refusal = refusal

    @property
    def is_an_id(self) -> bool:
        return self.index == ID_INDEX

    def is_as(self, other: Conflict | None) -> bool:
        """Whether that is the same key."""
        if not isinstance(other, KeyTaken):
            return False
        return (self.collection, self.index, self.key) == (other.collection, other.index, other.key)


class TimerGone(Conflict):
    """A timer that the batch completes was moved or done in the meantime. That does not change by reading again."""


class JobGone(Conflict):
    """A job that the batch completes was leased by another worker meanwhile, or is done. That does not change by
    reading again."""


class Unstorable(Exception):
    """What a command wants written has no form in the store, or is too large for it."""


class StoreBusy(Exception):
    """It could not be written now, or the process stops; nothing was acknowledged, and retrying is safe."""


class Contended(StoreBusy):
    """Somebody else was faster, again and again."""


class TooManyWaiting(StoreBusy):
    """The caller's regency has more commands waiting than its share of this process. Others have room; that passes by
    itself, and retrying later is safe."""


class Keys(Protocol):
    """What the unit of work asks of a store's keys; see `vault`."""

    @property
    def wrapping(self) -> WrappingKeys:
        """With which new ones are wrapped. Raises KeysNotHere."""
        ...


class Storage(Protocol):
    """Reads see only what is majority-committed; `commit` is one majority-committed, journaled transaction."""

    @property
    def vault(self) -> Keys: ...

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]: ...

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]: ...

    async def answers(self, keys: Sequence[IdempotencyKey]) -> dict[str, StoredAnswer]: ...

    def encode(self, part: Batch) -> dict[int, Encoded]:
        """What one command wants written, in the form in which it is written; `commit` takes it from there. Raises
        Unstorable."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Raises Conflict (nothing written), Unstorable, or the driver's error."""
        ...
