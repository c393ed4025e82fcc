"""The twin of `mongo.storage`: documents in dictionaries, the same answers and the same refusals."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import bson
from bson.codec_options import CodecOptions

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.encoding import Forms, encode
from gerai.messaging.mapping import Document
from gerai.messaging.memory.jobs import StoredJobs
from gerai.messaging.sealing import WrappingKeys
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
from gerai.messaging.subject_keys import SubjectKey
from gerai.messaging.vault import Vault

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


class StoredAggregates(MutableMapping[str, Aggregate]):
    """The aggregates of a class, by id: read from their documents each time, as a store does."""

    def __init__(self, kind: type[Aggregate]) -> None:
        self._kind = kind
        self.documents: dict[str, Document] = {}

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


class ByClass(dict[type[Aggregate], StoredAggregates]):
    def __missing__(self, kind: type[Aggregate]) -> StoredAggregates:
        self[kind] = StoredAggregates(kind)
        return self[kind]


class MemoryStorage:
    """Implements the `Storage` port; everything it holds is open to a test's eyes."""

    def __init__(self, indexes: Sequence[Index] = (), *, keys: WrappingKeys | None = None) -> None:
        self.vault = Vault(self._key_rows, keys)
        self._unique = [one for one in indexes if one.unique]
        self.aggregates = ByClass()
        self.outbox: list[OutboxRow] = []
        self.idempotency_keys: dict[tuple[str, str], StoredAnswer] = {}
        self.timers: dict[str, TimerRow] = {}
        self.jobs = StoredJobs()
        self.documents: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.commits = 0
        self._events: set[tuple[str, int]] = set()

    async def _key_rows(self, ids: Collection[str]) -> list[Aggregate]:
        return await self.fetch({SubjectKey: ids})

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]:
        found: list[Aggregate] = []
        for kind, ids in wanted.items():
            stored = self.aggregates[kind].documents
            found += await self.vault.read(kind, [dict(stored[id]) for id in ids if id in stored])
        return found

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        return [await self._select(selection) for selection in selections]

    async def _select(self, selection: Selection[Any]) -> list[Any]:
        await self.vault.conditions(selection)  # also where nothing is kept it must be one that can be asked
        whole = selection.kind.part_of or selection.kind
        stored = self.aggregates[whole].documents
        every = await self.vault.read(whole, [dict(document) for document in stored.values()])
        found = selection.sorted([one for one in every if selection.matches(one)])[: selection.limit]
        if whole is selection.kind:
            return found
        return await self.vault.read(selection.kind, [dict(stored[one.id]) for one in found])

    async def answers(self, keys: Sequence[IdempotencyKey]) -> dict[str, StoredAnswer]:
        found = {
            idempotency_key.key: self.idempotency_keys.get((idempotency_key.kind.value, idempotency_key.key))
            for idempotency_key in keys
        }
        return await self.vault.open_answers({key: answer for key, answer in found.items() if answer})

    def encode(self, part: Batch) -> dict[int, Encoded]:
        return encode(part)

    async def commit(self, batch: Batch) -> None:
        written = self._written(batch)
        self._check(batch, written)
        for kind, documents in written.items():
            self.aggregates[kind].documents.update(documents)
        self.outbox.extend(batch.outbox)
        self._events.update(_events(batch))
        self.idempotency_keys.update(
            {
                (idempotency_key.kind.value, idempotency_key.key): answer
                for idempotency_key, answer in batch.idempotency_keys
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

    def _written(self, batch: Batch) -> dict[type[Aggregate], dict[str, Document]]:
        """The documents that the batch makes of those that are there, in the form in which MongoDB would write them."""
        forms = Forms(batch.encoded, batch.cipher)
        written: dict[type[Aggregate], dict[str, Document]] = defaultdict(dict)
        for new in batch.added:
            written[type(new)][new.id] = bson.decode(forms.added(new).raw, _AWARE)
        for new, read in batch.changed:
            if (there := self.aggregates[type(new)].documents.get(new.id)) is not None:
                update = bson.decode(forms.change(new, read).update.raw, _AWARE)
                gone = update.get("$unset", {})
                left = {name: value for name, value in there.items() if name not in gone}
                written[type(new)][new.id] = {**left, **update["$set"]}
        return written

    def _require_version(self, read: Aggregate) -> None:
        stored = self.aggregates[type(read)].documents.get(read.id)
        if stored is None or stored["version"] != read.version:
            raise VersionConflict(f"{read.collection} changed meanwhile")

    def _check(self, batch: Batch, written: Mapping[type[Aggregate], Mapping[str, Document]]) -> None:
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
            self._require_version(read)
            self._check_indexes(type(aggregate), aggregate.id, written)
        for guarded in batch.guarded:
            self._require_version(guarded)
        for aggregate in batch.added:
            if aggregate.id in self.aggregates[type(aggregate)]:
                raise KeyTaken(aggregate.collection, ID_INDEX, key={"_id": aggregate.id})
            self._check_indexes(type(aggregate), aggregate.id, written)
        events = _events(batch)
        for event in events:
            if event in self._events or events.count(event) > 1:
                raise KeyTaken("outbox", "event", key=dict(zip(("aggregate", "version"), event, strict=True)))
        self._check_keys(batch, KeyKind.IDEMPOTENCY)

    def _check_keys(self, batch: Batch, kind: KeyKind) -> None:
        for idempotency_key, _ in batch.idempotency_keys:
            if idempotency_key.kind is kind and (kind.value, idempotency_key.key) in self.idempotency_keys:
                raise KeyTaken(ONCE_IN[kind], ID_INDEX, key={"_id": idempotency_key.key})

    def _check_indexes(
        self, kind: type[Aggregate], id: str, written: Mapping[type[Aggregate], Mapping[str, Document]]
    ) -> None:
        new = written[kind][id]
        concerned = [
            one for one in self._unique if one.collection == kind.collection and _stands_in(one, new)
        ]
        if not concerned:
            return
        others = {**self.aggregates[kind].documents, **written[kind]}
        del others[id]
        for index in concerned:
            key = _key(index, new)
            if any(_stands_in(index, other) and _key(index, other) == key for other in others.values()):
                raise KeyTaken(kind.collection, index.name, key=key, refusal=index.refusal)


def _stands_in(index: Index, document: Document) -> bool:
    where = index.where or {}
    return all(holds(document.get(field), wanted) for field, wanted in where.items())


def _key(index: Index, document: Document) -> dict[str, Any]:
    return {field: document.get(field) for field, _ in index.keys}


def _events(batch: Batch) -> list[tuple[str, int]]:
    return [(row.aggregate, row.version) for row in batch.outbox]


def _as_kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """As MongoDB would give it back: times to the millisecond, tuples as lists."""
    return bson.decode(bson.encode(document), _AWARE)
