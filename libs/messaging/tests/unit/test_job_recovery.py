"""Jobs: dead workers, completions that fail, and a store that is away."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from job_office import LEASE, Office
from messaging_builders import Jar, UnableToFill
from pymongo.errors import AutoReconnect

from gerai.chassis.testing import eventually
from gerai.messaging import jobs as working
from gerai.messaging.job import Done, JobRow, Outcome, Result, Unknown
from gerai.messaging.jobs import WhenUnknown
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Batch
from gerai.messaging.unit_of_work import UnitOfWork


async def dies_at_work(office: Office) -> None:
    """A worker leases a job, begins it, and is never heard of again."""
    await office.queue.begin(await office.queue.lease("pay", 1, seconds=90))


async def asked(office: Office) -> int:
    return len(office.asked)


async def left(office: Office) -> int:
    return office.rows


async def told(office: Office) -> int:
    return len(office.told)


class TestADeadWorker:
    async def test_its_job_is_taken_over_when_the_lease_is_over(self, office: Office) -> None:
        kind = replace(office.kind, when_unknown=WhenUnknown.PERFORM_AGAIN)
        await office.wants("a")
        await dies_at_work(office)
        assert await office.queue.lease("pay", 1, seconds=90) == []
        office.later(LEASE)
        await office.works_until(lambda: not office.rows, "another worker does it", kind)
        assert office.told == [("a", Done(answer={"receipt": "for a"}))]

    async def test_whether_it_acted_is_unknown(self, office: Office) -> None:
        await office.wants("a")
        await dies_at_work(office)
        office.later(LEASE)
        await office.works_until(lambda: office.row("a").is_held, "a person decides")
        assert office.asked == Counter()

    async def test_one_that_died_before_it_began_leaves_nothing_unknown(self, office: Office) -> None:
        """Or its lease was written, and the answer to that was lost."""
        await office.wants("a")
        await office.queue.lease("pay", 1, seconds=90)
        office.later(LEASE)
        await office.works_until(lambda: not office.rows, "another worker does it")
        assert office.told == [("a", Done(answer={"receipt": "for a"}))]

    async def test_one_that_comes_late_with_the_result_is_believed(self, office: Office) -> None:
        """Another worker found its job, could not know, and held it for a person."""
        goes_on = asyncio.Event()

        async def bank(job: JobRow) -> Outcome:
            await goes_on.wait()
            return Done(answer={"receipt": "1"})

        office.bank = bank
        await office.wants("a")
        async with office.working():
            await eventually(lambda: asked(office), bool, because="the first worker asks the bank")
            office.later(LEASE)
            await office.works_until(lambda: office.row("a").is_held, "the second one cannot know")
            goes_on.set()
            await eventually(lambda: left(office), lambda rows: rows == 0, because="the result is known")
        assert (office.told[-1], list(office.asked.values())) == (("a", Done(answer={"receipt": "1"})), [1])
        assert office.storage.aggregates[Jar]["a"].filled == 1

    async def test_a_stop_lets_what_is_under_way_end(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(working, "STOP_S", 10.0)
        goes_on = asyncio.Event()

        async def bank(job: JobRow) -> Outcome:
            asyncio.get_running_loop().call_later(0.02, goes_on.set)
            await goes_on.wait()
            return Done()

        office.bank = bank
        await office.wants("a")
        await office.works_until(lambda: bool(office.asked), "the bank is asked, and the process stops")
        assert (office.told, office.rows) == ([("a", Done())], 0)

    async def test_one_that_only_seemed_dead_completes_nothing(self, office: Office) -> None:
        """It was frozen in its bank call; another one has done the job meanwhile."""
        goes_on = asyncio.Event()
        calls = 0

        async def bank(job: JobRow) -> Outcome:
            nonlocal calls
            calls += 1
            if calls == 1:
                await goes_on.wait()
            return Done(answer={"call": str(calls)})

        office.bank = bank
        kind = replace(office.kind, when_unknown=WhenUnknown.PERFORM_AGAIN)
        await office.wants("a")

        async def called() -> int:
            return calls

        async with office.working(kind):
            await eventually(called, lambda seen: seen == 1, because="the first worker asks the bank")
            office.later(LEASE)
            await office.works_until(lambda: not office.rows, "the second worker does it", kind)
            goes_on.set()
            await eventually(
                lambda: told(office), lambda times: times > 1, because="the first one comes back"
            )
        assert office.storage.aggregates[Jar]["a"].filled == 1

    async def test_a_job_that_ends_every_worker_is_not_tried_for_ever(self, office: Office) -> None:
        kind = replace(office.kind, when_unknown=WhenUnknown.PERFORM_AGAIN, attempts=2)
        await office.wants("a")
        for _ in range(2):
            await dies_at_work(office)
            office.later(LEASE)
        await office.works_until(lambda: not office.rows, "it is over", kind)
        ((_, result),) = office.told
        assert (type(result), office.asked) == (Unknown, Counter())


class TestCompletion:
    async def test_one_that_fails_is_tried_again_and_the_bank_is_not_asked_again(
        self, office: Office
    ) -> None:
        fails = 2

        async def complete(job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None:
            nonlocal fails
            if fails:
                fails -= 1
                raise ValueError("a fault of ours")
            await office._complete(job, result, uow=uow, at=at)

        kind = replace(office.kind, complete=complete, first_pause=timedelta())
        await office.wants("a")
        await office.works_until(lambda: not office.rows, "the third completion succeeds", kind)
        assert (list(office.asked.values()), office.told) == (
            [1],
            [("a", Done(answer={"receipt": "for a"}))],
        )

    async def test_one_that_never_succeeds_is_held_and_the_bank_is_not_asked_again(
        self, office: Office
    ) -> None:
        async def complete(job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None:
            raise UnableToFill("full")

        kind = replace(office.kind, complete=complete, first_pause=timedelta(), attempts=3)
        await office.wants("a")
        await office.works_until(lambda: office.row("a").is_held, "a person must look", kind)
        assert list(office.asked.values()) == [1]
        assert await office.queue.release("pay:a")
        await office.works_until(lambda: not office.rows, "it was mended")
        assert list(office.asked.values()) == [1]

    @pytest.mark.parametrize("policy", list(WhenUnknown))
    async def test_it_waits_for_a_store_that_is_away_longer_than_its_lease(self, policy: WhenUnknown) -> None:
        class Away(MemoryStorage):
            fails = 0

            async def commit(self, batch: Batch) -> None:
                if batch.jobs_done and self.fails < 3:
                    self.fails += 1
                    office.later(LEASE)
                    raise AutoReconnect("nobody there")
                await super().commit(batch)

        storage = Away()
        office = Office(storage)
        await office.wants("a")
        kind = replace(office.kind, when_unknown=policy)
        await office.works_until(lambda: not office.rows, "the store comes back", kind)
        assert (storage.fails, list(office.asked.values())) == (3, [1])
        assert office.told[-1] == ("a", Done(answer={"receipt": "for a"}))
