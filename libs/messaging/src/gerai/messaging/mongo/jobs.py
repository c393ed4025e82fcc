"""Jobs in MongoDB: the collection `jobs`, and `job_kinds` with what holds for a whole kind.

`retry_at` says when a row may be leased. A lease moves it to the lease's end, so a row whose worker died becomes
due again by itself. `begun` is still set then, which tells the next worker that the outside may have been reached.
"""

import asyncio
import uuid
from collections.abc import Collection as Ids
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
        self,
        kind: str,
        limit: int,
        *,
        seconds: float,
        per_second: float | None = None,
        without: Ids[str] = (),
    ) -> list[Job]:
        ids = await self._due(kind, limit, without)
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

    async def begin(self, jobs: Sequence[Job]) -> list[Job]:
        if not jobs:
            return []
        ours = {
            "_id": {"$in": [job.row.id for job in jobs]},
            "token": {"$in": [job.token for job in jobs]},
        }
        begun = await self._jobs.update_many(ours, {"$set": {"begun": True}})
        if begun.matched_count == len(jobs):
            return list(jobs)
        tokens = {row["_id"]: row["token"] for row in await self._database.find(JOBS, ours)}
        return [job for job in jobs if tokens.get(job.row.id) == job.token]

    async def _due(self, kind: str, limit: int, without: Ids[str]) -> list[str]:
        where: Document = {
            "kind": kind,
            "priority": {"$in": [int(one) for one in Priority]},
            "state": JOB_WAITING,
            **DUE,
        }
        if without:
            where["_id"] = {"$nin": list(without)}
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

    async def put_back(self, job: Job, *, after: timedelta, error: str, uncertain: bool = False) -> None:
        stays = {"uncertain": {"$or": ["$uncertain", uncertain]}}
        await self._mine(job, {"last_error": _literal(error), **stays, **_later(after)})

    async def keep_result(self, job: Job, result: Result, *, after: timedelta, error: str) -> None:
        kept = _literal(_result_document(result))
        await self._mine(job, {"last_error": _literal(error), "result": kept, **_later(after)})

    async def hold(self, job: Job, *, error: str) -> None:
        became_known = {"$and": [job.result is None, {"$ne": ["$result", None]}]}
        state = {"$cond": [became_known, JOB_WAITING, JOB_HELD]}
        await self._mine(job, {"last_error": _literal(error), "state": state, "retry_at": "$$NOW"})

    async def report(self, job: Job, result: Result) -> None:
        known = {"result": _literal(_result_document(result)), "state": JOB_WAITING}
        due = {"$cond": [{"$eq": ["$state", JOB_HELD]}, "$$NOW", "$retry_at"]}
        await self._jobs.update_one(
            {"_id": job.row.id, "result": None, "idempotency_key": job.row.idempotency_key},
            [{"$set": {**known, "retry_at": due}}],
        )

    async def _mine(self, job: Job, fields: Mapping[str, Any]) -> None:
        """Change the row, and give the lease up, while the lease is ours."""
        change = [{"$set": {**fields, "token": None, "begun": False}}]
        await self._jobs.update_one({"_id": job.row.id, "token": job.token}, change)

    async def counts(self, kind: str) -> JobCounts:
        waiting, held, first_due = await asyncio.gather(
            self._count(kind, JOB_WAITING), self._count(kind, JOB_HELD), self._first_due(kind)
        )
        due_for = max(0.0, (datetime.now(UTC) - first_due).total_seconds()) if first_due is not None else 0.0
        return JobCounts(waiting=waiting, held=held, due_for_s=due_for)

    async def _count(self, kind: str, state: str) -> int:
        # each state has an index of its own, in which the kind comes first
        hint = {JOB_WAITING: "due", JOB_HELD: "held"}[state]
        where = {"kind": kind, "state": state}
        return int(await self._jobs.count_documents(where, limit=COUNT_LIMIT, hint=hint))

    async def _first_due(self, kind: str) -> datetime | None:
        """When the one that is due longest became due; the index finds the first of each priority."""
        firsts = [
            await self._jobs.find_one(
                {"kind": kind, "priority": int(priority), "state": JOB_WAITING},
                {"retry_at": 1},
                sort=[("retry_at", 1)],
            )
            for priority in Priority
        ]
        return min((first["retry_at"] for first in firsts if first is not None), default=None)

    async def kinds(self) -> frozenset[str]:
        """Found by steps through the index, from each kind to the next."""
        found: set[str] = set()
        for state in (JOB_WAITING, JOB_HELD):
            where: Document = {"state": state, "kind": {"$gt": ""}}
            while (first := await self._jobs.find_one(where, {"kind": 1}, sort=[("kind", 1)])) is not None:
                found.add(first["kind"])
                where["kind"] = {"$gt": first["kind"]}
        return frozenset(found)

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
        anew = {"state": JOB_WAITING, "attempts": 0, "uncertain": False, "retry_at": "$$NOW"}
        return await self._released(id, anew)

    async def settle(self, id: str, result: Result) -> bool:
        known = {"result": _literal(_result_document(result)), "attempts": 0}
        return await self._released(id, {**known, "state": JOB_WAITING, "retry_at": "$$NOW"})

    async def _released(self, id: str, fields: Mapping[str, Any]) -> bool:
        changed = await self._jobs.update_one({"_id": id, "state": JOB_HELD}, [{"$set": dict(fields)}])
        return bool(changed.matched_count)

    async def rest(self, kind: str) -> None:
        await self._kinds.update_one({"_id": kind}, {"$set": {"rests": True}}, upsert=True)

    async def resume(self, kind: str) -> None:
        await self._kinds.update_one({"_id": kind}, {"$unset": {"rests": ""}})


def _leased(token: str, seconds: float) -> list[Document]:
    return [
        {
            "$set": {
                # an attempt that had begun is still the row's: its worker gave nothing back
                "uncertain": {"$or": ["$uncertain", "$begun"]},
                "begun": False,
                "token": token,
                "attempts": {"$add": ["$attempts", 1]},
                **_later(timedelta(seconds=seconds)),
            }
        }
    ]


def _literal(value: object) -> Document:
    """A value of the outside in an update pipeline, where "$x" would be read as a field."""
    return {"$literal": value}


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
        uncertain=document["uncertain"] and document["result"] is None,
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
