"""The unit of work's store on MongoDB: reads in few round trips, one write-only transaction per group.

Reads happen before the transaction and see majority-committed data; the transaction then writes each
changed aggregate only if it still has the version that was read. That keeps transactions short, and no
lock is held while commands run.
"""

import asyncio
from collections.abc import Collection as Ids
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import DeleteOne, IndexModel, ReplaceOne
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.mongo.driver import Collection, Database, Document, Session
from gerai.messaging.selection import Selection
from gerai.messaging.storage import (
    AlreadyDone,
    Batch,
    Conflict,
    DocumentWrite,
    Once,
    OnceKind,
    OutboxRow,
    Overtaken,
    StoredAnswer,
    TimerRow,
)

DUPLICATE_KEY = 11000
WRITE_CONFLICT = 112
DAY = 86_400
WORTH_COMPARING = 8


@dataclass(frozen=True, kw_only=True)
class Index:
    """An index that a service needs on one of its collections."""

    collection: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    where: Mapping[str, Any] | None = None
    """A partial filter."""


MESSAGING_INDEXES = {
    "outbox": [
        IndexModel([("aggregate", 1), ("version", 1)], unique=True, name="aggregate_version"),
        IndexModel([("position", 1)], name="pending", partialFilterExpression={"pending": True}),
        IndexModel([("created_at", 1)], name="recent"),
        IndexModel([("published_at", 1)], name="expiry", expireAfterSeconds=3 * DAY),
    ],
    "idempotency": [IndexModel([("at", 1)], name="expiry", expireAfterSeconds=2 * DAY)],
    # longer than any topic keeps its records, so that a late duplicate is still known
    "inbox": [IndexModel([("at", 1)], name="expiry", expireAfterSeconds=45 * DAY)],
    "timers": [IndexModel([("due", 1)], name="due")],
    "parked": [
        IndexModel([("group", 1), ("lane", 1), ("topic", 1), ("partition", 1), ("offset", 1)], name="lane")
    ],
}


class MongoStorage:
    """Implements the `Storage` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prepare(self, indexes: Sequence[Index] = ()) -> None:
        """Create what is missing; safe to run in every process at every start."""
        wanted = {name: list(models) for name, models in MESSAGING_INDEXES.items()}
        for index in indexes:
            options: dict[str, Any] = {"unique": index.unique}
            if index.where is not None:
                options["partialFilterExpression"] = dict(index.where)
            wanted.setdefault(index.collection, []).append(IndexModel(list(index.keys), **options))
        for collection, models in wanted.items():
            await self._database[collection].create_indexes(models)

    async def fetch(self, wanted: Mapping[type[Aggregate], Ids[str]]) -> list[Aggregate]:
        found = await asyncio.gather(*(self._fetch_kind(kind, ids) for kind, ids in wanted.items()))
        return [aggregate for kind in found for aggregate in kind]

    async def _fetch_kind(self, kind: type[Aggregate], ids: Ids[str]) -> list[Aggregate]:
        cursor = self._database[kind.collection].find({"_id": {"$in": list(ids)}})
        return [kind.from_document(document) for document in await cursor.to_list(None)]

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        """All selections of one collection travel in one aggregation, as branches of a union."""
        by_collection: dict[str, list[int]] = {}
        for number, selection in enumerate(selections):
            by_collection.setdefault(selection.kind.collection, []).append(number)
        results: list[list[Any]] = [[] for _ in selections]

        async def ask(collection: str, numbers: list[int]) -> None:
            branches = [_branch(selections[number], number) for number in numbers]
            pipeline = [*branches[0]]
            pipeline += [{"$unionWith": {"coll": collection, "pipeline": branch}} for branch in branches[1:]]
            for document in await self._database.aggregate(collection, pipeline):
                number = document.pop("_selection")
                results[number].append(selections[number].kind.from_document(document))

        await asyncio.gather(*(ask(collection, numbers) for collection, numbers in by_collection.items()))
        return results

    async def answers(self, keys: Sequence[Once]) -> dict[str, StoredAnswer]:
        by_kind: dict[OnceKind, list[str]] = {}
        for once in keys:
            by_kind.setdefault(once.kind, []).append(once.key)
        found: dict[str, StoredAnswer] = {}
        for kind, wanted in by_kind.items():
            cursor = self._database[kind.value].find({"_id": {"$in": wanted}})
            for document in await cursor.to_list(None):
                found[document["_id"]] = _answer_from(document)
        return found

    async def commit(self, batch: Batch) -> None:
        writes = _Writes.of(batch)

        async def write(session: Session) -> None:
            await writes.apply(self._database, session)

        try:
            await self._database.transaction(write)
        except DuplicateKeyError as error:
            raise Conflict(str(error.details)) from error
        except BulkWriteError as error:
            raise _named(error) from error


@dataclass(kw_only=True)
class _Writes:
    """A batch as driver operations, built once and applied by each try of the transaction."""

    once: dict[str, list[Document]]
    replaced: dict[str, list[tuple[Document, int]]]
    inserted: dict[str, list[Document]]
    beside: dict[str, list[Any]]
    timers: list[Any]
    timers_done: list[Any]

    @classmethod
    def of(cls, batch: Batch) -> "_Writes":
        now = datetime.now(UTC)
        once: dict[str, list[Document]] = {}
        for key, answer in batch.once:
            once.setdefault(key.kind.value, []).append(_once_document(key, answer, now))
        replaced: dict[str, list[tuple[Document, int]]] = {}
        for aggregate, version in batch.changed:
            replaced.setdefault(aggregate.collection, []).append((aggregate.document(), version))
        inserted: dict[str, list[Document]] = {}
        for aggregate in batch.added:
            inserted.setdefault(aggregate.collection, []).append(aggregate.document())
        if batch.outbox:
            inserted["outbox"] = [outbox_document(row, now) for row in batch.outbox]
        beside: dict[str, list[Any]] = {}
        for write in batch.documents:
            beside.setdefault(write.collection, []).append(_beside(write))
        timers: list[Any] = [DeleteOne({"_id": id}) for id in batch.timers_cancelled]
        timers += [ReplaceOne({"_id": row.id}, _timer_document(row), upsert=True) for row in batch.timers_set]
        return cls(
            once=once,
            replaced=replaced,
            inserted=inserted,
            beside=beside,
            timers=timers,
            timers_done=[DeleteOne({"_id": row.id, "version": row.version}) for row in batch.timers_done],
        )

    async def apply(self, database: Database, session: Session) -> None:
        try:
            for collection, documents in self.once.items():
                await database[collection].insert_many(documents, session=session)
            if self.timers_done:
                done = await database["timers"].bulk_write(self.timers_done, session=session)
                if done.deleted_count != len(self.timers_done):
                    raise AlreadyDone("a timer was already handled")
            for collection, replacements in self.replaced.items():
                await _replace(database[collection], replacements, session)
            for collection, documents in self.inserted.items():
                await database[collection].insert_many(documents, ordered=False, session=session)
            for collection, operations_beside in self.beside.items():
                await database[collection].bulk_write(operations_beside, session=session)
            if self.timers:
                await database["timers"].bulk_write(self.timers, session=session)
        except OperationFailure as error:
            # Running the same writes again could only miss: what was read is stale now.
            if error.code == WRITE_CONFLICT:
                raise Overtaken("write conflict") from error
            raise


async def _replace(
    collection: Collection, replacements: list[tuple[Document, int]], session: Session
) -> None:
    """Each document must still have the version that was read.

    For a few the filter says so. For many they are compared first: whoever changes one after the transaction's
    snapshot meets a write conflict, and finding a document by its `_id` alone costs the server half as much.
    """
    few = len(replacements) < WORTH_COMPARING
    if not few:
        ids = [document["_id"] for document, _ in replacements]
        found = collection.find(
            {"_id": {"$in": ids}}, {"version": 1}, session=session, batch_size=len(ids) + 1
        )
        stored = {document["_id"]: document["version"] for document in await found.to_list(None)}
        if any(stored.get(document["_id"]) != version for document, version in replacements):
            raise Overtaken(f"{collection.name} changed meanwhile")
    operations = [
        ReplaceOne({"_id": document["_id"], **({"version": version} if few else {})}, document)
        for document, version in replacements
    ]
    written = await collection.bulk_write(operations, ordered=False, session=session)
    if written.matched_count != len(operations):
        raise Overtaken(f"{collection.name} changed meanwhile")


def _named(error: BulkWriteError) -> Exception:
    codes = {one.get("code") for one in (error.details or {}).get("writeErrors", [])}
    if DUPLICATE_KEY in codes:
        return AlreadyDone("a unique key was taken meanwhile")
    return Overtaken("write conflict") if WRITE_CONFLICT in codes else error


def _branch(selection: Selection[Any], number: int) -> list[Document]:
    return [
        {"$match": {_stored(field): wanted for field, wanted in selection.where.items()}},
        {"$sort": {_stored(field): direction for field, direction in selection.order}},
        {"$limit": selection.limit},
        {"$set": {"_selection": number}},
    ]


def _stored(field: str) -> str:
    return "_id" if field == "id" else field


def _once_document(once: Once, answer: StoredAnswer, now: datetime) -> Document:
    if once.kind is OnceKind.INBOX:
        return {"_id": once.key, "at": now}
    return {
        "_id": once.key,
        "at": now,
        "fingerprint": answer.fingerprint,
        "body": answer.body,
        "headers": dict(answer.headers),
    }


def _answer_from(document: Document) -> StoredAnswer:
    return StoredAnswer(
        fingerprint=document.get("fingerprint", ""),
        body=document.get("body", b""),
        headers=document.get("headers", {}),
    )


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


def _beside(write: DocumentWrite) -> Any:
    if write.document is None:
        return DeleteOne({"_id": write.id})
    return ReplaceOne({"_id": write.id}, {**write.document, "_id": write.id}, upsert=True)
