"""The unit of work's store on MongoDB: reads in few round trips, one write-only transaction per group.

Reads happen before the transaction and see majority-committed data; the transaction then writes each
changed aggregate only if it still has the version that was read. That keeps transactions short, and no
lock is held while commands run.
"""

import asyncio
from collections.abc import Collection as Ids
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import IndexModel

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.encoding import encode
from gerai.messaging.mapping import SCHEMA
from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.mongo.writes import Writes
from gerai.messaging.retention import Keep
from gerai.messaging.sealing import WrappingKeys
from gerai.messaging.selection import Selection
from gerai.messaging.shapes import stored
from gerai.messaging.storage import ONCE_IN, Batch, Encoded, IdempotencyKey, Index, KeyTaken, StoredAnswer
from gerai.messaging.subject_keys import SUBJECT_KEYS, SubjectKey
from gerai.messaging.vault import Vault

DAY = 86_400
DEFAULTS = Keep()
BRANCHES = 16


def _those_with(field: str) -> Document:
    return {"partialFilterExpression": {field: {"$exists": True}}}


KEY_INDEXES = [
    # what an operator's new key-encryption key has not wrapped yet, and whose hashes are not swept yet
    IndexModel([("wrapped_with", 1)], name="wrapped", **_those_with("wrapped_with")),
    IndexModel([("swept", 1)], name="unswept", partialFilterExpression={"swept": False}),
]


def messaging_indexes(keep: Keep) -> dict[str, list[IndexModel]]:
    """What the library needs on its own collections; those with `expireAfterSeconds` delete what is past its time."""
    return {
        "outbox": [
            # each index over the rows that have the field, so that a new row is not entered where it has no place yet
            IndexModel(
                [("aggregate", 1), ("version", 1)], name="event", unique=True, **_those_with("aggregate")
            ),
            # `pending` stands in it as well: a condition that only the filter of an index holds is looked up in the row
            IndexModel(
                [("pending", 1), ("position", 1), ("_id", 1)],
                name="waiting",
                partialFilterExpression={"pending": True},
            ),
            IndexModel([("created_at", 1)], name="made", **_those_with("created_at")),
            IndexModel(
                [("parked", 1), ("created_at", 1)], name="refused", partialFilterExpression={"parked": True}
            ),
            IndexModel(
                [("published_at", 1)],
                name="sent",
                expireAfterSeconds=keep.published * DAY,
                **_those_with("published_at"),
            ),
            IndexModel(
                [("answered_at", 1)],
                name="answered",
                expireAfterSeconds=keep.answers * DAY,
                **_those_with("answered_at"),
            ),
        ],
        "inbox": [IndexModel([("at", 1)], name="expiry", expireAfterSeconds=keep.inbox * DAY)],
        "timers": [
            # two questions: what is due and has not failed (no `next_try`), and what has failed and may be tried again
            IndexModel([("name", 1), ("next_try", 1), ("due", 1)], name="turn"),
            IndexModel([("due", 1)], name="due"),
        ],
        # a kind's jobs, the most urgent first, then by when they became due; those held stand in no one's way
        "jobs": [
            IndexModel(
                [("kind", 1), ("priority", 1), ("retry_at", 1)],
                name="due",
                partialFilterExpression={"state": "waiting"},
            ),
            IndexModel(
                [("kind", 1), ("wanted_at", 1)], name="held", partialFilterExpression={"state": "held"}
            ),
        ],
        SUBJECT_KEYS: KEY_INDEXES,
        "outbox_parked": [IndexModel([("created_at", 1)], name="made")],
        "parked": [
            IndexModel([("since", 1)], name="since"),
            IndexModel(
                [("group", 1), ("lane", 1), ("sequence", 1), ("partition", 1), ("offset", 1)], name="turn"
            ),
        ],
    }


class MongoStorage:
    """Implements the `Storage` port."""

    def __init__(
        self, database: Database, indexes: Sequence[Index] = (), *, keys: WrappingKeys | None = None
    ) -> None:
        """`indexes`: those of the service, of which some say what a taken key means. `keys`: for encrypted fields."""
        self._database = database
        self.vault = Vault(lambda rows: self._fetch_kind(SubjectKey, rows), keys)
        self._indexes = {(one.collection, one.name): one for one in indexes}

    async def prepare(self, indexes: Sequence[Index] = (), *, keep: Keep = DEFAULTS) -> None:
        """Create what is missing, and give expiries the times that are set now; safe to run in every process at every
        start."""
        wanted = messaging_indexes(keep)
        for index in [*self._indexes.values(), *indexes]:
            options: dict[str, Any] = {"unique": index.unique}
            if index.where is not None:
                options["partialFilterExpression"] = dict(index.where)
            wanted.setdefault(index.collection, []).append(IndexModel(list(index.keys), **options))
        for collection, models in wanted.items():
            await self._set_expiries(collection, models)
            await self._database[collection].create_indexes(models)

    async def _set_expiries(self, collection: str, models: Sequence[IndexModel]) -> None:
        """An index that stands already keeps its time until it is told another one; to create it again is refused."""
        standing = await self._database[collection].index_information()
        for model in models:
            name, seconds = model.document["name"], model.document.get("expireAfterSeconds")
            if seconds is None or name not in standing:
                continue
            if standing[name].get("expireAfterSeconds") != seconds:
                changed = {"name": name, "expireAfterSeconds": seconds}
                await self._database.command("collMod", collection, index=changed)

    async def fetch(self, wanted: Mapping[type[Aggregate], Ids[str]]) -> list[Aggregate]:
        found = await asyncio.gather(*(self._fetch_kind(kind, ids) for kind, ids in wanted.items()))
        return [aggregate for kind in found for aggregate in kind]

    async def _fetch_kind(self, kind: type[Aggregate], ids: Ids[str]) -> list[Aggregate]:
        found = await self._database.find(kind.collection, {"_id": {"$in": list(ids)}})
        return await self.vault.read(kind, found)

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        """Selections of one collection travel together in an aggregation, as branches of a union; many of them in
        several, which the server answers side by side."""
        by_collection: dict[str, list[int]] = {}
        for number, selection in enumerate(selections):
            by_collection.setdefault(selection.kind.collection, []).append(number)
        results: list[list[Document]] = [[] for _ in selections]

        async def ask(collection: str, numbers: list[int]) -> None:
            branches = [await self._branch(selections[number], number) for number in numbers]
            pipeline = [*branches[0]]
            pipeline += [{"$unionWith": {"coll": collection, "pipeline": branch}} for branch in branches[1:]]
            for document in await self._database.aggregate(collection, pipeline):
                results[document.pop("_selection")].append(document)

        await asyncio.gather(
            *(
                ask(collection, numbers[first : first + BRANCHES])
                for collection, numbers in by_collection.items()
                for first in range(0, len(numbers), BRANCHES)
            )
        )
        return [
            await self.vault.read(selection.kind, found)
            for selection, found in zip(selections, results, strict=True)
        ]

    async def answers(self, keys: Sequence[IdempotencyKey]) -> dict[str, StoredAnswer]:
        by_collection: dict[str, list[str]] = {}
        for idempotency_key in keys:
            by_collection.setdefault(ONCE_IN[idempotency_key.kind], []).append(idempotency_key.key)
        found: dict[str, StoredAnswer] = {}
        for collection, wanted in by_collection.items():
            for document in await self._database.find(collection, {"_id": {"$in": wanted}}):
                found[document["_id"]] = _answer_from(document)
        return await self.vault.open_answers(found)

    async def _branch(self, selection: Selection[Any], number: int) -> list[Document]:
        conditions = await self.vault.conditions(selection)
        return _branch(selection, conditions, number)

    def encode(self, part: Batch) -> dict[int, Encoded]:
        return encode(part)

    async def commit(self, batch: Batch) -> None:
        try:
            await self._database.transaction(Writes.of(batch).talk)
        except KeyTaken as taken:
            declared = self._indexes.get((taken.collection, taken.index))
            taken.refusal = declared.refusal if declared is not None else None
            raise


def _branch(selection: Selection[Any], conditions: Mapping[str, Any], number: int) -> list[Document]:
    kind = selection.kind
    # a document of an earlier form must be whole to be upgraded
    is_part = kind.part_of is not None and kind.mapper.number == 1
    part = [{"$project": {_stored(field): 1 for field in (*kind.model_fields, SCHEMA)}}] if is_part else []
    return [
        {"$match": {_stored(field): stored(wanted) for field, wanted in conditions.items()}},
        {"$sort": {_stored(field): direction for field, direction in selection.order}},
        {"$limit": selection.limit},
        *part,
        {"$set": {"_selection": number}},
    ]


def _stored(field: str) -> str:
    return "_id" if field == "id" else field


def _answer_from(document: Document) -> StoredAnswer:
    return StoredAnswer(
        fingerprint=document.get("fingerprint", ""),
        body=document.get("body", b""),
        headers=document.get("headers", {}),
    )
