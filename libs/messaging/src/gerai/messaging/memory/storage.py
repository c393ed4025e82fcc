"""The twin of `mongo.storage`: documents in dictionaries, the same answers and the same refusals."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import bson
from bson.codec_options import CodecOptions

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.encoding import encode
from gerai.messaging.mapping import Document
from gerai.messaging.memory.jobs import StoredJobs
from gerai.messaging.selection import Selection, holds
from gerai.messaging.storage import (
    ID_INDEX,
    ONCE_IN,
    Batch,
    Encoded,
    IdempotencyKey,
    Index,
    JobGone,
    KeyKind,
    KeyTaken,
    OutboxRow,
    StoredAnswer,
    TimerGone,
    TimerRow,
    VersionConflict,
)

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


class StoredAggregates(MutableMapping[str, Aggregate]):
    """The aggregates of a class, by id: read from their documents each time, as a store does."""

    def __init__(self, kind: type[Aggregate], documents: dict[str, Document]) -> None:
        self._kind = kind
        self.documents = documents

    def __getitem__(self, id: str) -> Aggregate:
        return self._kind.from_document(dict(self.documents[id]))

    def __setitem__(self, id: str, aggregate: Aggregate) -> None:
        self.documents[id] = _as_kept(aggregate.document())

    def __delitem__(self, id: str) -> None:
        del self.documents[id]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.documents))

    def __len__(self) -> int:
        return len(self.documents)

    def update_one(self, new: Aggregate, read: Aggregate) -> None:
        update = _as_kept(new.update_of(read))
        gone = update.get("$unset", {})
        left = {name: value for name, value in self.documents[new.id].items() if name not in gone}
        self.documents[new.id] = {**left, **update["$set"]}


class ByClass(dict[type[Aggregate], StoredAggregates]):
    def __missing__(self, kind: type[Aggregate]) -> StoredAggregates:
        self[kind] = StoredAggregates(kind, {})
        return self[kind]


class MemoryStorage:
    """Implements the `Storage` port; everything it holds is open to a test's eyes."""

    def __init__(self, indexes: Sequence[Index] = ()) -> None:
        self._unique = [one for one in indexes if one.unique]
        self.aggregates = ByClass()
        self.outbox: list[OutboxRow] = []
        self.idempotency_key: dict[tuple[str, str], StoredAnswer] = {}
        self.timers: dict[str, TimerRow] = {}
        self.jobs = StoredJobs()
        self.documents: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.commits = 0
        self._events: set[tuple[str, int]] = set()

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]:
        return [
            self.aggregates[kind][id]
            for kind, ids in wanted.items()
            for id in ids
            if id in self.aggregates[kind]
        ]

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        return [self._select(selection) for selection in selections]

    def _select(self, selection: Selection[Any]) -> list[Any]:
        _ = selection.conditions  # also where nothing is kept it must say whose are meant
        whole = selection.kind.part_of or selection.kind
        stored = self.aggregates[whole]
        found = selection.sorted([one for one in stored.values() if selection.matches(one)])[
            : selection.limit
        ]
        if whole is selection.kind:
            return found
        return [selection.kind.from_document(dict(stored.documents[one.id])) for one in found]

    async def answers(self, keys: Sequence[IdempotencyKey]) -> dict[str, StoredAnswer]:
        found = {
            idempotency_key.key: self.idempotency_key.get((idempotency_key.kind.value, idempotency_key.key))
            for idempotency_key in keys
        }
        return {key: answer for key, answer in found.items() if answer is not None}

    def encode(self, part: Batch) -> dict[int, Encoded]:
        return encode(part)

    async def commit(self, batch: Batch) -> None:
        self._check(batch)
        for aggregate in batch.added:
            self.aggregates[type(aggregate)][aggregate.id] = aggregate
        for aggregate, read in batch.changed:
            self.aggregates[type(aggregate)].update_one(aggregate, read)
        self.outbox.extend(batch.outbox)
        self._events.update(_events(batch))
        self.idempotency_key.update(
            {
                (idempotency_key.kind.value, idempotency_key.key): answer
                for idempotency_key, answer in batch.idempotency_key
            }
        )
        for done in batch.timers_done:
            del self.timers[done.id]
        for id in batch.timers_cancelled:
            self.timers.pop(id, None)
        self.timers.update(
            {row.id: replace(row, due=_as_kept({"due": row.due})["due"]) for row in batch.timers_set}
        )
        for finished in batch.jobs_done:
            del self.jobs.rows[finished.row.id]
        for row in batch.jobs_wanted:
            self.jobs.want(row)
        for write in batch.documents:
            if write.document is None:
                self.documents[write.collection].pop(write.id, None)
            else:
                self.documents[write.collection][write.id] = _as_kept(write.document)
        self.commits += 1

    def collection(self, name: str) -> dict[str, Mapping[str, Any]]:
        """What MongoDB would hold in a collection, by id."""
        if name == "timers":
            return {id: vars(row) for id, row in self.timers.items()}
        kinds = [kind for kind in self.aggregates if kind.collection == name]
        there = {id: one for kind in kinds for id, one in self.aggregates[kind].documents.items()}
        return {**there, **self.documents[name]}

    def forget(self, name: str, id: str) -> None:
        """Delete a document of a collection."""
        self.timers.pop(id, None) if name == "timers" else self.documents[name].pop(id, None)
        for kind, there in self.aggregates.items():
            if kind.collection == name:
                there.documents.pop(id, None)

    def _check(self, batch: Batch) -> None:
        """In the order in which MongoDB would find it out."""
        if len({done.id for done in batch.timers_done}) < len(batch.timers_done):
            raise TimerGone("a timer was already handled")
        for done in batch.timers_done:
            stored_timer = self.timers.get(done.id)
            if stored_timer is None or stored_timer.version != done.version:
                raise TimerGone("a timer was already handled")
        for finished in batch.jobs_done:
            if not self.jobs.is_leased(finished):
                raise JobGone("a job was already completed, or taken over")
        self._check_keys(batch, KeyKind.INBOX)
        for aggregate, read in batch.changed:
            stored = self.aggregates[type(aggregate)].documents.get(aggregate.id)
            if stored is None or stored["version"] != read.version:
                raise VersionConflict(f"{aggregate.collection} changed meanwhile")
            self._check_indexes(aggregate, batch)
        for aggregate in batch.added:
            if aggregate.id in self.aggregates[type(aggregate)]:
                raise KeyTaken(aggregate.collection, ID_INDEX, key={"_id": aggregate.id})
            self._check_indexes(aggregate, batch)
        events = _events(batch)
        for event in events:
            if event in self._events or events.count(event) > 1:
                raise KeyTaken("outbox", "event", key=dict(zip(("aggregate", "version"), event, strict=True)))
        self._check_keys(batch, KeyKind.IDEMPOTENCY)

    def _check_keys(self, batch: Batch, kind: KeyKind) -> None:
        for idempotency_key, _ in batch.idempotency_key:
            if idempotency_key.kind is kind and (kind.value, idempotency_key.key) in self.idempotency_key:
                raise KeyTaken(ONCE_IN[kind], ID_INDEX, key={"_id": idempotency_key.key})

    def _check_indexes(self, new: Aggregate, batch: Batch) -> None:
        concerned = [one for one in self._unique if one.collection == new.collection and _stands_in(one, new)]
        if not concerned:
            return
        written = {one.id: one for one in [*batch.added, *(changed for changed, _ in batch.changed)]}
        others = {**self.aggregates[type(new)], **written}
        del others[new.id]
        for index in concerned:
            key = _key(index, new)
            for other in others.values():
                if type(other) is type(new) and _stands_in(index, other) and _key(index, other) == key:
                    raise KeyTaken(new.collection, index.name, key=key, refusal=index.refusal)


def _stands_in(index: Index, aggregate: Aggregate) -> bool:
    where = index.where or {}
    return all(holds(getattr(aggregate, field), wanted) for field, wanted in where.items())


def _key(index: Index, aggregate: Aggregate) -> dict[str, Any]:
    return {field: getattr(aggregate, "id" if field == "_id" else field) for field, _ in index.keys}


def _events(batch: Batch) -> list[tuple[str, int]]:
    return [(row.aggregate, row.version) for row in batch.outbox]


def _as_kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """As MongoDB would give it back: times to the millisecond, tuples as lists."""
    return bson.decode(bson.encode(document), _AWARE)
