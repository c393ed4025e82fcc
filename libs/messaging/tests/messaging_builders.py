"""A small domain for the library's own tests: jars that are filled, and a tally of them per shelf."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from prometheus_client import REGISTRY
from pydantic import BaseModel

from gerai.contracts.codec import encode
from gerai.contracts.event import Cleanup, Envelope, Event, Topic
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.record import Record
from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.messaging.storage import Batch, Conflict, IdempotencyKey, KeyKind, OutboxRow

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


JARS = Topic(
    name="test.jars",
    key="jar id",
    partitions=3,
    retention_days=1,
    cleanup=Cleanup.DELETE,
    owner="test",
)


class JarFilled(Event, type="test.jar-filled.v1", topic=JARS, subject="{jar_id}"):
    tenant: str
    jar_id: str
    filled: int


class UnableToFill(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "full": LocalizedText("Stoples penuh.", "The jar is full.")
    }


class Part(BaseModel):
    name: str
    size: int | None = None


class Jar(Aggregate):
    collection: ClassVar[str] = "jars"

    filled: int = 0
    room: int = 3
    shelf: str = "s1"

    def fill(self, *, at: datetime = NOON) -> None:
        if self.filled >= self.room:
            raise UnableToFill("full")
        self.filled += 1
        self._record(JarFilled(tenant=self.tenant, jar_id=self.id, filled=self.filled), at=at)


class JarOnShelf(Aggregate):
    collection: ClassVar[str] = "jars"
    part_of = Jar

    filled: int


class Label(Aggregate):
    """With parts, and fields that may be without a value."""

    collection: ClassVar[str] = "labels"

    text: str | None = None
    at: datetime | None = None
    parts: tuple[Part, ...] = ()
    words: Mapping[str, str] = {}


class Tally(Aggregate):
    collection: ClassVar[str] = "tallies"
    warm: ClassVar[bool] = True

    count: int = 0

    def next(self) -> int:
        self.count += 1
        return self.count


def context(tenant: str | None = "muna-barat", **rest: Any) -> Context:
    return Context(tenant=tenant, actor="tester", correlation_id="corr-1", **rest)


def idempotency_key(key: str, fingerprint: str = "f") -> IdempotencyKey:
    return IdempotencyKey(kind=KeyKind.IDEMPOTENCY, key=key, fingerprint=fingerprint)


def by(actor: str) -> Context:
    return replace(context(), actor=actor)


def sample(name: str, **labels: str) -> float:
    """A metric as an operator's system reads it; 0 where nothing was counted yet."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def records(*subjects: str, start: int = 0, replayed_for: str | None = None) -> list[Record]:
    made: list[Record] = []
    versions: dict[str, int] = {}
    for offset, subject in enumerate(subjects, start=start):
        versions[subject] = versions.get(subject, 0) + 1
        envelope = Envelope(
            id=uuid.uuid5(uuid.NAMESPACE_OID, f"{subject}:{versions[subject]}"),
            source="/gerai/test",
            subject=subject,
            sequence=versions[subject],
            time=NOON,
            correlation_id="c",
            causation_id=None,
            event=JarFilled(tenant="muna-barat", jar_id=subject, filled=1),
            replayed_for=replayed_for,
        )
        key, value, headers = encode(envelope)
        made.append(raw_record(offset, key, value, headers))
    return made


def raw_record(
    offset: int, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
) -> Record:
    return Record(topic=JARS.name, partition=0, offset=offset, key=key, value=value, headers=tuple(headers))


def event(aggregate: str, *, version: int) -> OutboxRow:
    """A row of the outbox, as any aggregate's command might have left it."""
    return OutboxRow(
        id=str(uuid.uuid4()),
        topic="t",
        key=aggregate,
        aggregate=aggregate,
        version=version,
        position=version,
        headers={},
        body=b"{}",
        type="t.v1",
        tenant="muna-barat",
        at=NOON,
    )


async def put(storage: MemoryStorage, *jars: Jar) -> None:
    batch = Batch(added=[jar.model_copy(update={"version": 1}) for jar in jars])
    await storage.commit(batch)


class CountingStorage(MemoryStorage):
    """The twin, which can be told to conflict or to break."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicts = 0
        self.conflict: Conflict = Conflict("planted")
        self.broken: Exception | None = None
        self.bad_id: str | None = None
        self.tries = 0

    async def commit(self, batch: Batch) -> None:
        self.tries += 1
        if self.broken is not None:
            raise self.broken
        if any(aggregate.id == self.bad_id for aggregate, _ in batch.changed):
            raise ValueError("planted: this document cannot be written")
        if self.conflicts:
            self.conflicts -= 1
            raise self.conflict
        await super().commit(batch)
