"""Jobs in MongoDB: the collection `jobs`, and `job_kinds` with what holds for a whole kind.

`retry_at` says when a row may be leased. A lease moves it to the lease's end, so a row whose worker died becomes
due again by itself; its `token` is still set then, which tells the next worker that an attempt was interrupted.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from gerai.messaging.job import (
    JOB_HELD,
    JOB_WAITING,
    Done,
    Failed,
    HeldJob,
    Job,
    JobCounts,
    JobRow,
    Priority,
    Result,
    Unknown,
)
from gerai.messaging.mongo.driver import Database, Document
from gerai.messaging.mongo.writes import JOBS

KINDS_COLLECTION = "job_kinds"
DUE = {"$expr": {"$lte": ["$retry_at", "$$NOW"]}}
COUNT_LIMIT = 100_000


class MongoJobQueue:
    """Implements `JobQueue`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database[JOBS]
        self._kinds = database[KINDS_COLLECTION]

    async def lease(
        self, kind: str, limit: int, *, seconds: float, per_second: float | None = None
    ) -> list[Job]:
        ids = await self._due(kind, limit)
        if not ids:
            return []
        ids = ids[: await self._allowed(kind, len(ids), per_second)]
        if not ids:
            return []
        token = uuid.uuid4().hex
        # whoever is second finds `retry_at` moved: the filter is looked at again under the row's write lock
        await self._jobs.update_many(
            {"_id": {"$in": ids}, "state": JOB_WAITING, **DUE}, _leased(token, seconds)
        )
        found = await self._database.find(JOBS, {"_id": {"$in": ids}, "token": token})
        place = {id: number for number, id in enumerate(ids)}
        return sorted(map(_job_from, found), key=lambda job: place[job.row.id])

    async def _due(self, kind: str, limit: int) -> list[str]:
        where = {
            "kind": kind,
            "priority": {"$in": [int(one) for one in Priority]},
            "state": JOB_WAITING,
            **DUE,
        }
        in_order = [("priority", 1), ("retry_at", 1)]
        found = await self._jobs.find(where, {"_id": 1}).sort(in_order).limit(limit).to_list(None)
        return [document["_id"] for document in found]

    async def _allowed(self, kind: str, wanted: int, per_second: float | None) -> int:
        """How many of the wanted may be leased now. With a rate they are taken from an allowance that all processes
        share: it grows by `per_second`, up to one second's worth and at least 1."""
        stands = await self._kinds.find_one({"_id": kind})
        if stands is not None and stands.get("rests"):
            return 0
        if per_second is None:
            return wanted
        before = await self._kinds.find_one_and_update(
            {"_id": kind}, _taken_from_allowance(wanted, per_second), upsert=True, return_document=True
        )
        return int(before["granted"])

    async def put_back(self, job: Job, *, after: timedelta, error: str) -> None:
        await self._mine(job, {"last_error": error, "interrupted": False, **_later(after)})

    async def keep_result(self, job: Job, result: Result, *, after: timedelta, error: str) -> None:
        kept = {"$literal": _result_document(result)}
        await self._mine(job, {"last_error": error, "result": kept, **_later(after)})

    async def hold(self, job: Job, *, error: str) -> None:
        await self._mine(job, {"last_error": error, "state": JOB_HELD})

    async def _mine(self, job: Job, fields: Mapping[str, Any]) -> None:
        """Change the row, and give the lease up, while the lease is ours."""
        change = [{"$set": {**fields, "token": None}}]
        await self._jobs.update_one({"_id": job.row.id, "token": job.token}, change)

    async def counts(self) -> Mapping[str, JobCounts]:
        is_due = {"$and": [{"$eq": ["$state", JOB_WAITING]}, {"$lte": ["$retry_at", "$$NOW"]}]}
        counted = await self._database.aggregate(
            JOBS,
            [
                {"$limit": COUNT_LIMIT},
                {
                    "$group": {
                        "_id": "$kind",
                        "waiting": {"$sum": {"$cond": [{"$eq": ["$state", JOB_WAITING]}, 1, 0]}},
                        "held": {"$sum": {"$cond": [{"$eq": ["$state", JOB_HELD]}, 1, 0]}},
                        "due_ms": {"$max": {"$cond": [is_due, {"$subtract": ["$$NOW", "$retry_at"]}, 0]}},
                    }
                },
            ],
        )
        return {
            one["_id"]: JobCounts(waiting=one["waiting"], held=one["held"], due_for_s=one["due_ms"] / 1000)
            for one in counted
        }

    async def held(self, kind: str, limit: int) -> list[HeldJob]:
        where = {"kind": kind, "state": JOB_HELD}
        found = await self._jobs.find(where).sort("wanted_at", 1).limit(limit).to_list(None)
        return [
            HeldJob(
                id=document["_id"],
                attempts=document["attempts"],
                error=document["last_error"],
                wanted_at=document["wanted_at"],
            )
            for document in found
        ]

    async def release(self, id: str) -> bool:
        anew = {"state": JOB_WAITING, "attempts": 0, "interrupted": False, "retry_at": "$$NOW"}
        changed = await self._jobs.update_one({"_id": id, "state": JOB_HELD}, [{"$set": anew}])
        return bool(changed.matched_count)

    async def rest(self, kind: str) -> None:
        await self._kinds.update_one({"_id": kind}, {"$set": {"rests": True}}, upsert=True)

    async def resume(self, kind: str) -> None:
        await self._kinds.update_one({"_id": kind}, {"$unset": {"rests": ""}})


def _leased(token: str, seconds: float) -> list[Document]:
    had_a_worker = {"$ne": [{"$ifNull": ["$token", None]}, None]}
    return [
        {
            "$set": {
                "interrupted": {"$or": ["$interrupted", had_a_worker]},
                "token": token,
                "attempts": {"$add": ["$attempts", 1]},
                **_later(timedelta(seconds=seconds)),
            }
        }
    ]


def _later(after: timedelta) -> Document:
    return {"retry_at": {"$add": ["$$NOW", int(after.total_seconds() * 1000)]}}


def _taken_from_allowance(wanted: int, per_second: float) -> list[Document]:
    """A token bucket, by the server's time. `granted` tells what this update took."""
    most = max(1.0, per_second)
    passed_s = {"$divide": [{"$subtract": ["$$NOW", {"$ifNull": ["$counted_at", "$$NOW"]}]}, 1000]}
    grown = {"$add": [{"$ifNull": ["$allowance", most]}, {"$multiply": [passed_s, per_second]}]}
    return [
        {"$set": {"allowance": {"$min": [most, grown]}, "counted_at": "$$NOW"}},
        {"$set": {"granted": {"$min": [wanted, {"$floor": "$allowance"}]}}},
        {"$set": {"allowance": {"$subtract": ["$allowance", "$granted"]}}},
    ]


def _job_from(document: Document) -> Job:
    return Job(
        row=JobRow(
            id=document["_id"],
            kind=document["kind"],
            key=document["key"],
            tenant=document["tenant"],
            payload=document["payload"],
            priority=Priority(document["priority"]),
            idempotency_key=document["idempotency_key"],
            correlation_id=document["correlation_id"],
            traceparent=document["traceparent"],
        ),
        attempts=document["attempts"],
        token=document["token"],
        interrupted=document["interrupted"] and document["result"] is None,
        result=_result_from(document["result"]),
    )


def _result_document(result: Result) -> Document:
    match result:
        case Done(answer=answer):
            return {"done": dict(answer)}
        case Failed(code=code):
            return {"failed": code}
        case Unknown(reason=reason):
            return {"unknown": reason}


def _result_from(document: Document | None) -> Result | None:
    match document:
        case None:
            return None
        case {"done": answer}:
            return Done(answer=answer)
        case {"failed": code}:
            return Failed(code=code)
        case {"unknown": reason}:
            return Unknown(reason=reason)
    raise ValueError(f"no such result: {sorted(document)}")
