"""The queue of jobs: the twin and MongoDB through both drivers answer alike."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from messaging_builders import NOON, Jar, context

from gerai.chassis.testing import eventually
from gerai.messaging import held_jobs
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Done, Failed, Job, JobQueue, JobRow, Outcome, Priority, Result, Unknown
from gerai.messaging.jobs import JobKind, Jobs, WhenUnknown
from gerai.messaging.memory.jobs import MemoryJobQueue
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.jobs import MongoJobQueue
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.storage import Batch, JobGone, Storage
from gerai.messaging.unit_of_work import UnitOfWork


@dataclass
class Kit:
    """A store, its queue, and a way to let its time pass."""

    storage: Storage
    queue: JobQueue
    later: Callable[[float], Awaitable[None]]
    """Seconds go by for the store."""
    now: Callable[[], datetime]
    database: Database | None = None

    async def wants(self, *rows: JobRow) -> None:
        await self.storage.commit(Batch(jobs_wanted=list(rows)))

    async def leases(self, limit: int = 10, **more: Any) -> list[str]:
        """The keys of what is leased."""
        return [job.row.key for job in await self.queue.lease("pay", limit, seconds=60, **more)]


@pytest.fixture(params=["memory", "motor", "pymongo"])
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    if request.param == "memory":
        memory = MemoryStorage()

        async def passes(seconds: float) -> None:
            memory.jobs.now += timedelta(seconds=seconds)

        yield Kit(memory, MemoryJobQueue(memory.jobs), passes, lambda: memory.jobs.now)
        return
    uri = request.getfixturevalue("mongodb_uri")
    database = connect(uri, f"jobs_{uuid.uuid4().hex[:8]}", driver=Driver(request.param))
    storage = MongoStorage(database)
    await storage.prepare()

    async def pass_by(seconds: float) -> None:
        """All that the store has written down moves into the past."""
        for collection, field in (("jobs", "retry_at"), ("job_kinds", "counted_at")):
            moved = [{"$set": {field: {"$subtract": [f"${field}", int(seconds * 1000)]}}}]
            await database[collection].update_many({field: {"$exists": True}}, moved)

    yield Kit(storage, MongoJobQueue(database), pass_by, lambda: datetime.now(UTC), database)
    await database.drop()
    await database.close()


def row(key: str, **more: Any) -> JobRow:
    fields: dict[str, Any] = {
        "id": f"pay:{key}",
        "kind": "pay",
        "key": key,
        "tenant": "muna-barat",
        "payload": {"bill": key},
        "idempotency_key": f"key-of-{key}",
        "correlation_id": "c",
    }
    return JobRow(**{**fields, **more})


class TestLeasing:
    async def test_a_job_comes_as_it_was_wanted(self, kit: Kit) -> None:
        await kit.wants(row("a", traceparent="00-1", priority=Priority.BULK))
        (job,) = await kit.queue.lease("pay", 10, seconds=60)
        assert job.row == row("a", traceparent="00-1", priority=Priority.BULK)
        assert (job.attempts, job.uncertain, job.result) == (1, False, None)

    async def test_nobody_else_gets_it_while_the_lease_holds(self, kit: Kit) -> None:
        await kit.wants(row("a"), row("b"))
        assert len(await kit.leases(1)) == 1
        assert len(await kit.leases()) == 1
        assert await kit.leases() == []

    async def test_many_workers_at_once_lease_each_job_once(self, kit: Kit) -> None:
        await kit.wants(*(row(f"j{number}") for number in range(100)))
        taken = await asyncio.gather(*(kit.leases(20) for _ in range(8)))
        leased = Counter(key for keys in taken for key in keys)
        rest = await kit.leases(200)
        assert leased + Counter(rest) == Counter(f"j{number}" for number in range(100))

    async def test_the_most_urgent_first_then_the_one_that_waits_longest(self, kit: Kit) -> None:
        earlier = kit.now() - timedelta(minutes=1)
        await kit.wants(row("bulk", priority=Priority.BULK, not_before=earlier))
        await kit.wants(row("second"), row("first", not_before=earlier))
        await kit.wants(row("urgent", priority=Priority.URGENT))
        assert await kit.leases(3) == ["urgent", "first", "second"]
        assert await kit.leases() == ["bulk"]

    async def test_not_before_its_time(self, kit: Kit) -> None:
        await kit.wants(row("a", not_before=kit.now() + timedelta(seconds=30)))
        assert await kit.leases() == []
        await kit.later(31)
        assert await kit.leases() == ["a"]

    async def test_one_kind_does_not_get_the_others_jobs(self, kit: Kit) -> None:
        await kit.wants(row("a", id="mail:a", kind="mail"))
        assert await kit.leases() == []

    async def test_a_rate_holds_over_all_workers(self, kit: Kit) -> None:
        await kit.wants(*(row(f"j{number:02}") for number in range(30)))
        taken = await asyncio.gather(*(kit.leases(10, per_second=5.0) for _ in range(4)))
        assert sum(map(len, taken)) in (5, 6)  # with a real clock the next one may be due meanwhile
        await kit.later(2)
        assert len(await kit.leases(30, per_second=5.0)) == 5

    async def test_a_slow_rate_lets_one_through_at_a_time(self, kit: Kit) -> None:
        await kit.wants(row("a"), row("b"))
        assert len(await kit.leases(per_second=0.1)) == 1
        assert await kit.leases(per_second=0.1) == []
        await kit.later(10)
        assert len(await kit.leases(per_second=0.1)) == 1

    async def test_a_resting_kind_is_not_leased(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        await kit.queue.rest("pay")
        assert await kit.leases() == []
        await kit.queue.resume("pay")
        assert await kit.leases() == ["a"]


async def only(kit: Kit) -> Job:
    (job,) = await kit.queue.lease("pay", 10, seconds=60)
    return job


class TestAfterTheLease:
    async def test_one_whose_worker_died_comes_again_and_says_so(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        first = await only(kit)
        await kit.queue.begin([first])
        await kit.later(61)
        second = await only(kit)
        assert (second.attempts, second.uncertain) == (2, True)
        assert second.token != first.token
        with pytest.raises(JobGone):
            await kit.storage.commit(Batch(jobs_done=[first]))
        await kit.storage.commit(Batch(jobs_done=[second]))
        with pytest.raises(JobGone):
            await kit.storage.commit(Batch(jobs_done=[second]))
        await kit.later(1_000)
        assert await kit.leases() == []

    async def test_one_that_had_not_begun_was_certainly_not_performed(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        await only(kit)
        await kit.later(61)
        assert not (await only(kit)).uncertain

    async def test_one_that_was_taken_over_is_not_begun(self, kit: Kit) -> None:
        """Its first worker stood still between its lease and its beginning."""
        await kit.wants(row("a"), row("b"))
        first = await kit.queue.lease("pay", 1, seconds=60)
        await kit.later(61)
        second = await kit.queue.lease("pay", 2, seconds=60)
        assert await kit.queue.begin(first) == []
        assert await kit.queue.begin([*second, *first]) == second
        assert await kit.queue.begin([]) == []

    async def test_what_is_uncertain_stays_so(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        job = await only(kit)
        await kit.queue.begin([job])
        await kit.queue.put_back(job, after=timedelta(), error="the line broke", uncertain=True)
        again = await only(kit)
        await kit.queue.begin([again])
        await kit.queue.put_back(again, after=timedelta(), error="refused")
        assert (await only(kit)).uncertain

    async def test_a_result_that_comes_late_is_kept_where_none_is_known(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        first = await only(kit)
        await kit.later(61)
        await kit.queue.report(first, Done(answer={"receipt": "1"}))
        await kit.queue.report(first, Failed(code="another"))
        assert (await only(kit)).result == Done(answer={"receipt": "1"})

    @pytest.mark.parametrize("held_first", [True, False], ids=["it was held", "it is about to be held"])
    async def test_a_result_that_comes_late_needs_no_person(self, kit: Kit, held_first: bool) -> None:
        await kit.wants(row("a"))
        first = await only(kit)
        await kit.later(61)
        second = await only(kit)
        if held_first:
            await kit.queue.hold(second, error="nobody knows")
        await kit.queue.report(first, Done())
        if not held_first:
            await kit.queue.hold(second, error="nobody knows")
        assert (await only(kit)).result == Done()

    @pytest.mark.parametrize("error", ["$$ROOT", "$a..b", "$$NOSUCH"])
    async def test_an_error_is_kept_as_it_is_said(self, kit: Kit, error: str) -> None:
        await kit.wants(row("a"))
        await kit.queue.put_back(await only(kit), after=timedelta(), error=error)
        await kit.queue.hold(await only(kit), error=error)
        (held,) = await kit.queue.held("pay", 10)
        assert held.error == error

    async def test_a_person_may_say_what_became_of_it(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        await kit.queue.hold(await only(kit), error="nobody knows")
        assert await kit.queue.settle("pay:a", Done(answer={"receipt": "1"}))
        assert not await kit.queue.settle("pay:a", Failed(code="no"))
        settled = await only(kit)
        assert (settled.result, settled.attempts) == (Done(answer={"receipt": "1"}), 1)

    async def test_some_can_be_left_alone(self, kit: Kit) -> None:
        await kit.wants(row("a"), row("b"))
        assert await kit.leases(without=["pay:a"]) == ["b"]

    async def test_one_that_is_put_back_was_not_interrupted(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        await kit.queue.put_back(await only(kit), after=timedelta(seconds=10), error="busy")
        assert await kit.leases() == []
        await kit.later(11)
        again = await only(kit)
        assert (again.attempts, again.uncertain, again.row) == (2, False, row("a"))

    @pytest.mark.parametrize(
        "result", [Done(answer={"a.b": "$c"}), Failed(code="$closed"), Unknown(reason="")], ids=repr
    )
    async def test_a_result_that_is_kept_comes_back(self, kit: Kit, result: Result) -> None:
        await kit.wants(row("a"))
        await kit.queue.keep_result(await only(kit), result, after=timedelta(), error="completion")
        again = await only(kit)
        assert (again.result, again.uncertain) == (result, False)
        await kit.later(61)
        assert (await only(kit)).result == result

    async def test_a_held_one_waits_for_a_person(self, kit: Kit) -> None:
        await kit.wants(row("a"))
        await kit.queue.hold(await only(kit), error="nobody knows")
        await kit.later(100_000)
        assert await kit.leases() == []
        (held,) = await kit.queue.held("pay", 10)
        assert (held.id, held.attempts, held.error) == ("pay:a", 1, "nobody knows")
        assert await kit.queue.release("pay:a")
        assert not await kit.queue.release("pay:a")
        released = await only(kit)
        assert (released.attempts, released.uncertain) == (1, False)

    @pytest.mark.parametrize("late", ["put_back", "keep_result", "hold"])
    async def test_who_comes_late_changes_nothing(self, kit: Kit, late: str) -> None:
        await kit.wants(row("a"))
        first = await only(kit)
        await kit.later(61)
        second = await only(kit)
        match late:
            case "put_back":
                await kit.queue.put_back(first, after=timedelta(), error="late")
            case "keep_result":
                await kit.queue.keep_result(first, Done(), after=timedelta(), error="late")
            case _:
                await kit.queue.hold(first, error="late")
        assert await kit.leases() == []
        await kit.storage.commit(Batch(jobs_done=[second]))

    async def test_they_are_counted(self, kit: Kit) -> None:
        await kit.wants(*(row(key) for key in "abcd"), row("m", id="mail:m", kind="mail"))
        jobs = await kit.queue.lease("pay", 2, seconds=60)
        await kit.queue.hold(jobs[0], error="")
        await kit.later(20)
        counts = await kit.queue.counts("pay")
        assert await kit.queue.kinds() == {"pay", "mail"}
        assert (counts.waiting, counts.held) == (3, 1)
        assert 19 < counts.due_for_s < 40


async def test_wanting_it_again_changes_nothing_while_it_stands(kit: Kit) -> None:
    await kit.wants(row("a"))
    await kit.wants(row("a", idempotency_key="another"), row("b"))
    jobs = await kit.queue.lease("pay", 10, seconds=60)
    assert {job.row.idempotency_key for job in jobs} == {"key-of-a", "key-of-b"}
    await kit.storage.commit(Batch(jobs_done=jobs))
    await kit.wants(row("a", idempotency_key="another"))
    assert (await only(kit)).row.idempotency_key == "another"


async def test_the_question_for_what_is_due_is_answered_from_its_index(kit: Kit) -> None:
    """Thousands that are not due yet must not be looked through."""
    if kit.database is None:
        return
    later = kit.now() + timedelta(hours=1)
    await kit.wants(*(row(f"later-{number}", not_before=later) for number in range(2_000)), row("now"))
    await kit.database.command("profile", 2)
    try:
        assert await kit.leases() == ["now"]
    finally:
        await kit.database.command("profile", 0)
    asked = await kit.database["system.profile"].find({"command.find": "jobs"}).to_list(None)
    assert asked and max(one["docsExamined"] for one in asked) <= 2
    assert max(one["keysExamined"] for one in asked) <= 20


async def test_three_workers_complete_each_job_once(kit: Kit) -> None:
    performed: Counter[str] = Counter()

    async def perform(job: JobRow) -> Outcome:
        performed[job.key] += 1
        return Done(answer={"of": job.key})

    async def complete(job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None:
        jar = await uow.find_or_add(Jar(id=job.key, tenant=job.tenant, room=9))
        jar.fill()

    async def want(uow: UnitOfWork) -> None:
        for number in range(200):
            uow.want_job("pay", f"j{number}", tenant="muna-barat")

    kind = JobKind(name="pay", perform=perform, complete=complete, when_unknown=WhenUnknown.HOLD)
    async with GroupCommit(kit.storage, source="test") as commit:
        await commit.execute(want, context=context())
        workers = [
            Jobs(kit.queue, [replace(kind, at_once=16)], commit=commit, now=lambda: NOON) for _ in "abc"
        ]
        running = [asyncio.create_task(one.run()) for one in workers]

        async def left() -> int:
            counts = await kit.queue.counts("pay")
            return counts.waiting + counts.held

        await eventually(left, lambda jobs: jobs == 0, because="all are done", within=60)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
    jars = await kit.storage.fetch({Jar: [f"j{number}" for number in range(200)]})
    assert [jar.filled for jar in jars] == [1] * 200  # type: ignore[attr-defined]
    assert set(performed.values()) == {1}


async def test_an_operator_sees_what_is_held_and_decides(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, mongodb_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if kit.database is None:
        return
    monkeypatch.setenv("GERAI_MONGODB_URI", mongodb_uri)
    monkeypatch.setenv("GERAI_MONGODB_DATABASE", kit.database.name)

    async def says(*argv: str) -> str:
        await asyncio.to_thread(held_jobs.main, argv)
        return capsys.readouterr().out.strip()

    await kit.wants(row("a"), row("b"), row("c"))
    for job in await kit.queue.lease("pay", 3, seconds=60):
        await kit.queue.hold(job, error="nobody knows")
    shown = await says("show")
    assert shown.startswith("pay: 0 waiting, due for 0 s, 3 held")
    assert "pay:a  wanted " in shown and "1 attempts: nobody knows" in shown
    await says("release", "pay:a")
    await says("done", "pay:b", "receipt=7=8")
    await says("failed", "pay:c", "closed_account")
    assert await says("release", "pay:a") == "pay:a is not held: nothing was changed"
    await says("rest", "pay")
    assert await kit.leases() == []
    await says("resume", "pay")
    results = {job.row.key: job.result for job in await kit.queue.lease("pay", 3, seconds=60)}
    assert results == {"a": None, "b": Done(answer={"receipt": "7=8"}), "c": Failed(code="closed_account")}
