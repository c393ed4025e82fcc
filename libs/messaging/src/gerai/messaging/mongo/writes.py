"""A batch as the statements of one transaction.

The statements are sent as plain commands: a driver's own bulk interface costs as much again as encoding the
documents, and here it has nothing to add.
"""

import re
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from gerai.messaging.encoding import Change, Forms
from gerai.messaging.job import Job
from gerai.messaging.mongo.driver import Document, Talk
from gerai.messaging.storage import (
    ID_INDEX,
    Batch,
    Conflict,
    JobGone,
    KeyKind,
    KeyTaken,
    TimerGone,
    TimerRow,
    VersionConflict,
)

DUPLICATE_KEY = 11000
WRITE_CONFLICT = 112
INDEX_NAME = re.compile(r" index: (\S+) dup key")
NO_VALUES = re.compile(r" dup key: .*", re.DOTALL)
"""What a message of the server says about values stays here."""
TIMERS = "timers"
JOBS = "jobs"
GUARDED = "_guarded"
WORTH_COMPARING = 8
COMMAND_BYTES = 16 * 1024 * 1024
"""Well below the largest message that the server takes."""


Put = tuple[str, RawBSONDocument]
"""An id, and the document that it has from now on, whatever was there."""


@dataclass(kw_only=True)
class Writes:
    """Encoded once, and applied by each try of the transaction."""

    inbox: list[RawBSONDocument]
    changed: dict[str, list[Change]]
    guarded: dict[str, list[Document]]
    """The filters of what must stand as it was read."""
    inserted: dict[str, list[RawBSONDocument]]
    deleted: dict[str, list[str]]
    put: dict[str, list[Put]]
    timers_done: list[TimerRow]
    jobs_done: list[Job]
    jobs_wanted: list[Put]

    @classmethod
    def of(cls, batch: Batch) -> "Writes":
        forms = Forms(batch.encoded, batch.cipher)
        changed: dict[str, list[Change]] = {}
        for aggregate, read in batch.changed:
            changed.setdefault(aggregate.collection, []).append(forms.change(aggregate, read))
        guarded: dict[str, list[Document]] = {}
        for aggregate in batch.guarded:
            guarded.setdefault(aggregate.collection, []).append(
                {"_id": aggregate.id, "version": aggregate.version}
            )
        inserted: dict[str, list[RawBSONDocument]] = {}
        for aggregate in batch.added:
            inserted.setdefault(aggregate.collection, []).append(forms.added(aggregate))
        inbox: list[RawBSONDocument] = []
        leaving = [forms.row(row) for row in batch.outbox]
        for answered in batch.idempotency_keys:
            kept = inbox if answered[0].kind is KeyKind.INBOX else leaving
            kept.append(forms.idempotency_key(answered))
        if leaving:
            inserted["outbox"] = leaving
        deleted: dict[str, list[str]] = {}
        put: dict[str, list[Put]] = {}
        for write in {(one.collection, one.id): one for one in batch.documents}.values():
            if write.document is None:
                deleted.setdefault(write.collection, []).append(write.id)
            else:
                put.setdefault(write.collection, []).append((write.id, forms.document(write)))
        if batch.timers_cancelled:
            deleted[TIMERS] = batch.timers_cancelled
        if timers := {row.id: row for row in batch.timers_set}:
            put[TIMERS] = [(row.id, forms.timer(row)) for row in timers.values()]
        return cls(
            inbox=inbox,
            changed=changed,
            guarded=guarded,
            inserted=inserted,
            deleted=deleted,
            put=put,
            timers_done=batch.timers_done,
            jobs_done=batch.jobs_done,
            jobs_wanted=[(row.id, forms.job(row)) for row in batch.jobs_wanted],
        )

    def _end_timers_and_jobs(self) -> Talk:
        if self.timers_done:
            as_read = [{"q": {"_id": row.id, "version": row.version}, "limit": 1} for row in self.timers_done]
            if (yield from _send("delete", TIMERS, deletes=as_read)) != len(as_read):
                raise TimerGone("a timer was already handled")
        if self.jobs_done:
            leased = [{"q": {"_id": job.row.id, "token": job.token}, "limit": 1} for job in self.jobs_done]
            if (yield from _send("delete", JOBS, deletes=leased)) != len(leased):
                raise JobGone("a job was already completed, or taken over")

    def talk(self) -> Talk:
        """Raises Conflict where the store is not as it was read."""
        yield from self._end_timers_and_jobs()
        if self.inbox:  # first, so that a record that was handled already costs nothing more
            yield from _insert("inbox", self.inbox)
        for collection, changes in self.changed.items():
            yield from _change(collection, changes)
        for collection, filters in self.guarded.items():
            yield from _guard(collection, filters)
        for collection, documents in self.inserted.items():
            yield from _insert(collection, documents)
        for collection, ids in self.deleted.items():
            yield from _send("delete", collection, deletes=[{"q": {"_id": {"$in": ids}}, "limit": 0}])
        for collection, puts in self.put.items():
            upserts = (({"q": {"_id": id}, "u": document, "upsert": True}, document) for id, document in puts)
            for part in _parts(upserts):
                yield from _send("update", collection, updates=part)
        wanted = (
            ({"q": {"_id": id}, "u": {"$setOnInsert": document}, "upsert": True}, document)
            for id, document in self.jobs_wanted
        )
        for part in _parts(wanted):
            yield from _send("update", JOBS, updates=part)


def _insert(collection: str, documents: Sequence[RawBSONDocument]) -> Talk:
    for part in _parts((document, document) for document in documents):
        yield from _send("insert", collection, documents=part)


def _change(collection: str, changes: Sequence[Change]) -> Talk:
    """Each document must still have the version that was read.

    For a few the filter says so. For many they are compared first: whoever changes one after the transaction's
    snapshot meets a write conflict, and finding a document by its `_id` alone costs the server half as much.
    """
    few = len(changes) < WORTH_COMPARING
    if not few:
        yield from _compare(collection, changes)
    updates = (
        (
            {"q": {"_id": one.id, "version": one.version} if few else {"_id": one.id}, "u": one.update},
            one.update,
        )
        for one in changes
    )
    changed = 0
    for part in _parts(updates):
        changed += yield from _send("update", collection, updates=part)
    if changed != len(changes):
        raise VersionConflict(f"{collection} changed meanwhile")


def _guard(collection: str, filters: Sequence[Document]) -> Talk:
    """To read it in the transaction would not do: under snapshot isolation two transactions may each read what the other
    changes, and both succeed. So something is written to it, under a name that no aggregate reads, and not its version:
    other processes may go on with what they remember of it. It must be another value each time, or the server would
    write nothing."""
    touched = {"$set": {GUARDED: uuid.uuid4().bytes}}
    met = yield from _send("update", collection, updates=[{"q": filter, "u": touched} for filter in filters])
    if met != len(filters):
        raise VersionConflict(f"{collection} changed meanwhile")


def _compare(collection: str, changes: Sequence[Change]) -> Talk:
    ids = [one.id for one in changes]
    question = {"find": collection, "filter": {"_id": {"$in": ids}}, "projection": {"version": 1}}
    answer = yield {**question, "batchSize": len(ids) + 1, "singleBatch": True}
    stored = {document["_id"]: document["version"] for document in answer["cursor"]["firstBatch"]}
    if any(stored.get(one.id) != one.version for one in changes):
        raise VersionConflict(f"{collection} changed meanwhile")


def _send(verb: str, collection: str, **statements: Any) -> Generator[Document, Document, int]:
    """One write command of the transaction; how many documents it met. Raises Conflict or OperationFailure."""
    try:
        answer = yield {verb: collection, **statements, "ordered": False}
    except OperationFailure as error:
        raise _named([error.details or {}], collection, error) from error
    if faults := answer.get("writeErrors"):
        code, text = faults[0].get("code"), NO_VALUES.sub("", str(faults[0].get("errmsg")))
        raise _named(faults, collection, OperationFailure(f"{collection}: {text[:300]}", code))
    return int(answer["n"])


def _named(
    faults: Sequence[Mapping[str, Any]], collection: str, error: OperationFailure
) -> Conflict | OperationFailure:
    """What a failure means to who may try again. Running the same writes again after a conflict could only miss:
    what was read is stale now."""
    by_code = {fault.get("code"): fault for fault in reversed(faults)}
    if (taken := by_code.get(DUPLICATE_KEY)) is not None:
        named = INDEX_NAME.search(str(taken.get("errmsg")))
        return KeyTaken(collection, named.group(1) if named else ID_INDEX, key=taken.get("keyValue"))
    return VersionConflict("write conflict") if WRITE_CONFLICT in by_code else error


def _parts(statements: Iterable[tuple[Any, RawBSONDocument]]) -> Iterator[list[Any]]:
    """Statements, each with its document, in commands that the server takes."""
    part: list[Any] = []
    size = 0
    for statement, document in statements:
        if part and size + len(document.raw) > COMMAND_BYTES:
            yield part
            part, size = [], 0
        part.append(statement)
        size += len(document.raw)
    if part:
        yield part
