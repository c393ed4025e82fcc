"""From what a command wants written to the bytes that are written: once, when the command joins its group.

What cannot be brought into bytes is found out there, beside the one command that wanted it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import bson
from bson.raw_bson import RawBSONDocument

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.cipher import Cipher
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

Document = dict[str, Any]
T = TypeVar("T")
Answered = tuple[IdempotencyKey, StoredAnswer]
LARGEST_DOCUMENT = 16 * 1024 * 1024
"""MongoDB's own limit."""


class Change(NamedTuple):
    """Of a document that must still have a version in the store."""

    id: str
    version: int
    update: RawBSONDocument
    """The fields that have other values. Much cheaper than a new document: indexes on others are left alone."""

    @classmethod
    def of(cls, new: Aggregate, read: Aggregate, cipher: Cipher) -> "Change":
        return cls(new.id, read.version, _raw(new.update_of(read, cipher)))


class Forms:
    """The forms of what is in a batch: those that were made before, and others made now."""

    def __init__(self, made: Mapping[int, Encoded], cipher: Cipher) -> None:
        self._made = made
        self._cipher = cipher
        self._now = datetime.now(UTC)

    def change(self, new: Aggregate, read: Aggregate) -> Change:
        found = self._made.get(id(new))
        if found is not None and found.read is read:  # else it was compared with another state
            form: Change = found.form
            return form
        return Change.of(new, read, self._cipher)

    def added(self, new: Aggregate) -> RawBSONDocument:
        found = self._made.get(id(new))
        if found is not None and found.read is None:  # else it was a change of something
            form: RawBSONDocument = found.form
            return form
        return _raw(new.document(self._cipher))

    def row(self, row: OutboxRow) -> RawBSONDocument:
        return self._form(row, outbox_document)

    def idempotency_key(self, answered: Answered) -> RawBSONDocument:
        return self._form(answered, _key_document)

    def document(self, write: DocumentWrite) -> RawBSONDocument:
        return self._form(write, _written_document)

    def job(self, row: JobRow) -> RawBSONDocument:
        return self._form(row, _job_document)

    def timer(self, row: TimerRow) -> RawBSONDocument:
        return self._form(row, _timer_document)

    def _form(self, of: T, document: Callable[[T, datetime], Document]) -> RawBSONDocument:
        found = self._made.get(id(of))
        if found is None:
            return _raw(document(of, self._now))
        form: RawBSONDocument = found.form
        return form


def encode(part: Batch) -> dict[int, Encoded]:
    """By `id()`, the form of each thing in a part of a batch. Raises Unstorable."""
    forms = Forms({}, part.cipher)
    kinds: list[tuple[Iterable[Any], Callable[[Any], RawBSONDocument]]] = [
        (part.added, forms.added),
        (part.outbox, forms.row),
        (part.idempotency_keys, forms.idempotency_key),
        (part.documents, forms.document),
        (part.jobs_wanted, forms.job),
        (part.timers_set, forms.timer),
    ]
    try:
        made = {id(new): Encoded(new, read, Change.of(new, read, part.cipher)) for new, read in part.changed}
        for every, form in kinds:
            for of in every:
                made[id(of)] = Encoded(of, None, form(of))
        if part.timers_cancelled:
            _raw({"_id": part.timers_cancelled})
    except Unstorable:
        raise
    except Exception as error:  # a value or a model may raise anything while it is encoded; the member that brought it is told
        raise Unstorable(f"not storable: {type(error).__name__}") from error
    return made


def _raw(document: Document) -> RawBSONDocument:
    raw = bson.encode(document)
    if len(raw) > LARGEST_DOCUMENT:
        raise Unstorable(f"a document of {len(raw)} bytes")
    return RawBSONDocument(raw)


def _key_document(answered: Answered, now: datetime) -> Document:
    idempotency_key, answer = answered
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


def _written_document(write: DocumentWrite, _: datetime) -> Document:
    return {**(write.document or {}), "_id": write.id}


def _timer_document(row: TimerRow, _: datetime) -> Document:
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
