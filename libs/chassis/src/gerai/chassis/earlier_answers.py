"""Answers that the version before kept: in clear, under "<tenant> <subject> <key>". Who repeats a request over the update
must get its first answer, so they are moved to where this version looks before it serves."""

from pymongo import UpdateOne

from gerai.chassis.answers import Repeatable
from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.storage import StoredAnswer

STEP = 500
EARLIER = r"^(?![0-9a-f]{64} part [0-9]+$).* "


async def move_earlier_answers(database: Database) -> int:
    """Moves them all, encrypted, and says how many. Any number of processes may do so at once, and begin again: the
    new row is written first. Bounded by how long answers are kept. What a process of the version before answers
    afterwards is not moved: such processes end first."""
    outbox, moved = database["outbox"], 0
    kept = outbox.find({"answered_at": {"$exists": True}, "_id": {"$regex": EARLIER}})
    while found := await kept.to_list(STEP):
        moves = [
            UpdateOne({"_id": one["_id"]}, {"$setOnInsert": one}, upsert=True)
            for one in map(_as_kept_now, found)
        ]
        await outbox.bulk_write(moves, ordered=False)
        await outbox.delete_many({"_id": {"$in": [one["_id"] for one in found]}})
        moved += len(found)
    return moved


def _as_kept_now(row: Document) -> Document:
    asked, _, part = row["_id"].partition(" part ")
    owner, _, key = asked.rpartition(" ")
    request = Repeatable.of(owner, key, fingerprint=row["fingerprint"])
    if part:
        request = request.part(int(part))
    sealed = request.seal(StoredAnswer(body=row["body"], headers=row["headers"]))
    kept = request.idempotency_key
    return {
        **row,
        "_id": kept.key,
        "fingerprint": kept.fingerprint,
        "body": sealed.body,
        "headers": dict(sealed.headers),
    }
