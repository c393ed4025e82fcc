"""Jobs: what the outside is asked, and what a completion is told, whatever happens in between."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from job_office import Office, answers, breaks, hangs
from messaging_builders import Jar, UnableToFill, context

from gerai.messaging import jobs as working
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Done, Failed, Job, JobRow, Outcome, Priority, TryAgain, Unknown
from gerai.messaging.jobs import WhenUnknown
from gerai.messaging.memory.jobs import MemoryJobQueue
from gerai.messaging.unit_of_work import UnitOfWork


class TestWanting:
    async def test_what_is_wanted_is_performed_once_and_completed_once(self, office: Office) -> None:
        await office.wants("a", "b")
        await office.works_until(lambda: not office.rows, "both are done")
        assert sorted(office.told) == [
            ("a", Done(answer={"receipt": "for a"})),
            ("b", Done(answer={"receipt": "for b"})),
        ]
        assert sorted(office.asked.values()) == [1, 1]
        assert office.storage.aggregates[Jar]["a"].filled == 1

    async def test_a_refused_command_wants_nothing(self, office: Office) -> None:
        async def refused(uow: UnitOfWork) -> None:
            uow.want_job("pay", "a", tenant="muna-barat")
            raise UnableToFill("full")

        async with GroupCommit(office.storage, source="test") as commit:
            with pytest.raises(UnableToFill):
                await commit.execute(refused, context=context())
        assert office.rows == 0

    async def test_wanting_it_again_changes_nothing_while_it_stands(self, office: Office) -> None:
        await office.wants("a", payload={"bill": "1"})
        key = office.row("a").row.idempotency_key
        await office.wants("a", payload={"bill": "2"})
        assert (office.row("a").row.payload, office.row("a").row.idempotency_key) == ({"bill": "1"}, key)

    async def test_it_is_not_performed_before_its_time(self, office: Office) -> None:
        await office.wants("later", not_before=office.storage.jobs.now + timedelta(seconds=60))
        await office.wants("now")
        await office.works_until(lambda: office.told != [], "the other one is done")
        assert [key for key, _ in office.told] == ["now"]
        office.later(60)
        await office.works_until(lambda: not office.rows, "its time has come")


class TestOutcomes:
    async def test_the_bank_refuses_for_good(self, office: Office) -> None:
        office.bank = answers(Failed(code="closed_account"))
        await office.wants("a")
        await office.works_until(lambda: not office.rows, "it is over")
        assert office.told == [("a", Failed(code="closed_account"))]

    async def test_later_is_later_and_under_the_same_idempotency_key(self, office: Office) -> None:
        office.bank = answers(TryAgain(reason="night run"), Done())
        await office.wants("a")
        await office.works_until(lambda: office.row("a").error == "night run", "the bank was asked")
        assert office.row("a").retry_at > office.storage.jobs.now
        assert office.told == []
        office.later(10)
        await office.works_until(lambda: not office.rows, "its time has come")
        assert (list(office.asked.values()), office.told) == ([2], [("a", Done())])

    async def test_the_outside_may_say_when(self, office: Office) -> None:
        office.bank = answers(TryAgain(reason="closed", after=timedelta(hours=9)), Done())
        await office.wants("a")
        await office.works_until(lambda: office.row("a").error == "closed", "the bank was asked")
        assert office.row("a").retry_at == office.storage.jobs.now + timedelta(hours=9)

    async def test_who_always_says_later_is_given_up(self, office: Office) -> None:
        office.bank = answers(TryAgain(reason="busy", after=timedelta()))
        await office.wants("a")
        await office.works_until(lambda: not office.rows, "it is given up", replace(office.kind, attempts=3))
        assert (list(office.asked.values()), office.told) == ([3], [("a", Failed(code="gave_up"))])


@pytest.mark.parametrize("bank", [breaks, hangs], ids=["the line breaks", "nobody answers in time"])
class TestAnUnknownOutcome:
    async def test_is_held_for_a_person(self, office: Office, bank: Any) -> None:
        office.bank = bank()
        kind = replace(office.kind, deadline=timedelta(milliseconds=5))
        await office.wants("a")
        await office.works_until(lambda: office.row("a").is_held, "a person decides", kind)
        (held,) = await office.queue.held("pay", 10)
        assert (held.id, held.attempts, office.told) == ("pay:a", 1, [])
        office.later(timedelta(days=1))
        await office.works_until(lambda: True, "it rests", kind)
        assert list(office.asked.values()) == [1]
        office.bank = answers(Done())
        assert await office.queue.release("pay:a")
        await office.works_until(lambda: not office.rows, "the person released it", kind)
        assert (list(office.asked.values()), office.told) == ([2], [("a", Done())])

    async def test_is_tried_again_where_the_outside_knows_the_key(self, office: Office, bank: Any) -> None:
        office.bank = bank()
        kind = replace(
            office.kind, when_unknown=WhenUnknown.PERFORM_AGAIN, deadline=timedelta(milliseconds=5)
        )
        await office.wants("a")
        await office.works_until(lambda: office.row("a").error != "", "it was tried", kind)
        assert not office.row("a").is_held
        office.bank = answers(Done())
        office.later(10)
        await office.works_until(lambda: not office.rows, "it is tried again", kind)
        assert (list(office.asked.values()), office.told) == ([2], [("a", Done())])

    async def test_stays_unknown_when_it_was_tried_for_long_enough(self, office: Office, bank: Any) -> None:
        office.bank = bank()
        kind = replace(
            office.kind,
            when_unknown=WhenUnknown.PERFORM_AGAIN,
            deadline=timedelta(milliseconds=5),
            attempts=2,
            first_pause=timedelta(),
        )
        await office.wants("a")
        await office.works_until(lambda: not office.rows, "it is over", kind)
        ((key, result),) = office.told
        assert (key, type(result), list(office.asked.values())) == ("a", Unknown, [2])

    async def test_that_came_once_is_not_forgotten_when_later_tries_did_certainly_nothing(
        self, office: Office, bank: Any
    ) -> None:
        """Told "gave up", the office would book a payment that may have been made as failed."""
        office.bank = bank()
        kind = replace(
            office.kind,
            when_unknown=WhenUnknown.PERFORM_AGAIN,
            deadline=timedelta(milliseconds=5),
            attempts=3,
            first_pause=timedelta(),
        )
        await office.wants("a")
        await office.works_until(lambda: bool(office.asked), "it was tried", kind)
        office.bank = answers(TryAgain(reason="connection refused", after=timedelta()))
        await office.works_until(lambda: not office.rows, "it is given up", kind)
        ((key, result),) = office.told
        assert (key, type(result)) == ("a", Unknown)

    async def test_is_told_where_the_completion_decides(self, office: Office, bank: Any) -> None:
        office.bank = bank()
        kind = replace(office.kind, when_unknown=WhenUnknown.COMPLETE, deadline=timedelta(milliseconds=5))
        await office.wants("a")
        await office.works_until(lambda: not office.rows, "it is over", kind)
        ((key, result),) = office.told
        assert (key, type(result), list(office.asked.values())) == ("a", Unknown, [1])


class TestPace:
    async def test_no_more_are_under_way_than_the_kind_allows(self, office: Office) -> None:
        under_way, most = 0, 0

        async def bank(job: JobRow) -> Outcome:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return Done()

        office.bank = bank
        await office.wants(*(f"j{number}" for number in range(20)))
        await office.works_until(lambda: not office.rows, "all are done", replace(office.kind, at_once=3))
        assert most == 3

    async def test_one_that_takes_long_does_not_hold_up_the_others(self, office: Office) -> None:
        async def bank(job: JobRow) -> Outcome:
            if job.key == "slow":
                await asyncio.Event().wait()
            return Done()

        office.bank = bank
        await office.wants("slow")
        await office.wants(*(f"j{number}" for number in range(20)))
        await office.works_until(
            lambda: office.rows == 1, "the others are done", replace(office.kind, at_once=2)
        )
        assert set(office.storage.jobs.rows) == {"pay:slow"}

    async def test_what_is_urgent_comes_first(self, office: Office) -> None:
        await office.wants("bulk", priority=Priority.BULK)
        await office.wants("normal")
        await office.wants("urgent", priority=Priority.URGENT)
        await office.works_until(lambda: not office.rows, "all are done", replace(office.kind, at_once=1))
        assert office.order == ["urgent", "normal", "bulk"]

    async def test_a_kind_that_rests_is_not_performed_until_it_is_resumed(self, office: Office) -> None:
        await office.queue.rest("pay")
        await office.wants("a")
        await office.wants("b", kind="mail")
        mail = replace(office.kind, name="mail")
        await office.works_until(lambda: office.rows == 1, "the other kind works", office.kind, mail)
        assert [key for key, _ in office.told] == ["b"]
        await office.queue.resume("pay")
        await office.works_until(lambda: not office.rows, "it works again")


async def test_a_loop_that_hangs_is_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(MemoryJobQueue):
        async def lease(self, *_: Any, **__: Any) -> list[Job]:
            asked.set()
            await asyncio.Event().wait()
            return []

    asked = asyncio.Event()
    office.queue = Hanging(office.storage.jobs)
    async with office.working() as jobs:
        await asked.wait()
        assert jobs.progress() == {}
        monkeypatch.setattr(working, "STUCK_S", 0.0)
        assert set(jobs.progress()) == {"jobs pay"}


class TestTextsOfTheOutside:
    """What a provider answers must not end the worker, nor stop what is to be written."""

    STRANGE = ("\ud800", "$$ROOT", "$a..b", "x" * 100_000)

    @pytest.mark.parametrize("text", STRANGE, ids=["surrogate", "a variable", "a field", "long"])
    @pytest.mark.parametrize("kind", [TryAgain, Unknown], ids=lambda kind: kind.__name__)
    async def test_as_a_reason(self, office: Office, kind: Any, text: str) -> None:
        office.bank = answers(kind(reason=text))
        await office.wants("a", "b")
        await office.works_until(
            lambda: all(office.row(key).error for key in "ab"), "both reasons are written down"
        )
        assert len(office.row("a").error) <= working.ERROR_LIMIT

    async def test_as_an_answer(self, office: Office) -> None:
        office.bank = answers(Done(answer={"receipt": "\ud800"}))
        await office.wants("a")
        await office.works_until(lambda: not office.rows, "it is completed")
        assert office.told == [("a", Done(answer={"receipt": "\\ud800"}))]

    async def test_as_an_answer_that_is_too_large_to_keep(self, office: Office) -> None:
        office.bank = answers(Done(answer={"receipt": "x" * 100_000}))
        await office.wants("a")
        await office.works_until(lambda: office.row("a").is_held, "a person must look")
        assert "answer of more than" in office.row("a").error
