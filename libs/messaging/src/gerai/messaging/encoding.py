"""From what a command wants written to the bytes that are written: once, when the command joins its group.

What cannot be brought into bytes is found out there, beside the one command that wanted it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import bson
from bson.raw_bson import RawBSONDocument

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.job import JOB_WAITING, JobRow
from gerai.messaging.storage import (
    Batch,
    DocumentWrite,
    Encoded,
    IdempotencyKey,
    KeyKind,
    OutboxRow,
    StoredAnswer,
    TimerRow,
    Unstorable,
)

T = TypeVar("T")
Document = dict[str, Any]
Answered = tuple[IdempotencyKey, StoredAnswer]
LARGEST_DOCUMENT = 16 * 1024 * 1024
"""MongoDB's own limit."""


@dataclass(frozen=True)
class Change:
    """Of a document that must still have a version in the store."""

    id: str
    version: int
    update: RawBSONDocument
    """The fields that have other values. Much cheaper than a new document: indexes on others are left alone."""

    @classmethod
    def of(cls, new: Aggregate, read: Aggregate) -> "Change":
        fields = new.changed_since(read)
        values = new.document(only=fields)
        update: Document = {"$set": values}
        if emptied := fields - values.keys():
            update["$unset"] = dict.fromkeys(emptied, "")
        return cls(new.id, read.version, _raw(update))


class Forms:
    """The forms of what is in a batch: those that were made before, and others made now."""

    def __init__(self, made: Mapping[int, Encoded]) -> None:
        self._made = made
        self._now = datetime.now(UTC)

    def _form(self, of: object, make: Callable[[], T], read: object = None) -> T:
        found = self._made.get(id(of))
        if found is not None and found.read is read:  # else it was not made, or compared with another state
            form: T = found.form
            return form
        return make()

    def change(self, new: Aggregate, read: Aggregate) -> Change:
        return self._form(new, lambda: Change.of(new, read), read)

    def added(self, new: Aggregate) -> RawBSONDocument:
        return self._form(new, lambda: _raw(new.document()))

    def row(self, row: OutboxRow) -> RawBSONDocument:
        return self._form(row, lambda: _raw(outbox_document(row, self._now)))

    def idempotency_key(self, answered: Answered) -> RawBSONDocument:
        return self._form(answered, lambda: _raw(_key_document(*answered, self._now)))

    def document(self, write: DocumentWrite) -> RawBSONDocument:
        return self._form(write, lambda: _raw({**(write.document or {}), "_id": write.id}))

    def job(self, row: JobRow) -> RawBSONDocument:
        return self._form(row, lambda: _raw(_job_document(row, self._now)))

    def timer(self, row: TimerRow) -> RawBSONDocument:
        return self._form(row, lambda: _raw(_timer_document(row)))


def encode(part: Batch) -> dict[int, Encoded]:
    """By `id()`, the form of each thing in a part of a batch. Raises Unstorable."""
    forms, made = Forms({}), dict[int, Encoded]()

    def keep(of: object, form: object, read: object = None) -> None:
        made[id(of)] = Encoded(of, read, form)

    try:
        for new, read in part.changed:
            keep(new, forms.change(new, read), read)
        for new in part.added:
            keep(new, forms.added(new))
        for row in part.outbox:
            keep(row, forms.row(row))
        for answered in part.idempotency_key:
            keep(answered, forms.idempotency_key(answered))
        for write in part.documents:
            keep(write, forms.document(write))
        for job in part.jobs_wanted:
            keep(job, forms.job(job))
        for timer in part.timers_set:
            keep(timer, forms.timer(timer))
        if part.timers_cancelled:
            _raw({"_id": part.timers_cancelled})
    except Unstorable:
        raise
    except Exception as error:  # what a value or a model does while it is encoded is its own affair
        raise Unstorable(f"not storable: {type(error).__name__}") from error
    return made


def _raw(document: Document) -> RawBSONDocument:
    raw = bson.encode(document)
    if len(raw) > LARGEST_DOCUMENT:
        raise Unstorable(f"a document of {len(raw)} bytes")
    return RawBSONDocument(raw)


def _key_document(idempotency_key: IdempotencyKey, answer: StoredAnswer, now: datetime) -> Document:
    if idempotency_key.kind is KeyKind.INBOX:
        return {"_id": idempotency_key.key, "at": now}
    return {
        "_id": idempotency_key.key,
        "answered_at": now,
        "fingerprint": answer.fingerprint,
        "body": answer.body,
        "headers": dict(answer.headers),
    }


def outbox_document(row: OutboxRow, now: datetime) -> Document:
    """As it stands in `outbox`; the relay takes `pending` away when Kafka has acknowledged it."""
    return {
        "_id": row.id,
        "topic": row.topic,
        "key": row.key,
        "aggregate": row.aggregate,
        "version": row.version,
        "position": row.position,
        "headers": dict(row.headers),
        "body": row.body,
        "type": row.type,
        "tenant": row.tenant,
        "at": row.at,
        "created_at": now,
        "pending": True,
    }


def _timer_document(row: TimerRow) -> Document:
    return {
        "_id": row.id,
        "name": row.name,
        "key": row.key,
        "tenant": row.tenant,
        "due": row.due,
        "payload": dict(row.payload),
        "version": row.version,
    }


def _job_document(row: JobRow, now: datetime) -> Document:
    """As it stands in `jobs` until it is leased first."""
    return {
        "_id": row.id,
        "kind": row.kind,
        "key": row.key,
        "tenant": row.tenant,
        "payload": dict(row.payload),
        "priority": int(row.priority),
        "idempotency_key": row.idempotency_key,
        "correlation_id": row.correlation_id,
        "traceparent": row.traceparent,
        "state": JOB_WAITING,
        "attempts": 0,
        "begun": False,
        "uncertain": False,
        "token": None,
        "result": None,
        "last_error": "",
        "wanted_at": now,
        "retry_at": row.not_before or now,
    }
