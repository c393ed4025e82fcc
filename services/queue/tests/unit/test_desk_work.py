"""A desk at work, on the in-memory twin: one ticket at a time, and where each goes."""

import asyncio

import pytest
from queue_builders import MORNING, Hall, catalogue, minutes, said, seconds

from gerai.messaging.refusal import Refusal, UnableToFind
from gerai.queue.adapters.lines import CachedLines
from gerai.queue.domain.rules import Rules
from gerai.queue.use_cases.await_pickup import await_pickup
from gerai.queue.use_cases.cancel_ticket import cancel_ticket, cancel_visit
from gerai.queue.use_cases.close_desk import close_desk
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.mark_no_show import mark_no_show
from gerai.queue.use_cases.recall_ticket import recall_ticket
from gerai.queue.use_cases.reinstate_ticket import reinstate_ticket
from gerai.queue.use_cases.resume_ticket import resume_ticket
from gerai.queue.use_cases.return_ticket import return_ticket
from gerai.queue.use_cases.show_visit import show_visit
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.transfer_ticket import transfer_ticket
from gerai.register.testing import desk

NOON = MORNING + minutes(180)


async def refused(doing) -> Refusal:
    with pytest.raises(Refusal) as found:
        await doing
    return found.value


class TestCalling:
    async def test_a_desk_must_be_open(self, hall: Hall):
        await hall.issues("nib")
        assert (await refused(hall.calls("loket-1"))).code == "desk_closed"

    async def test_only_what_the_desk_serves(self, hall: Hall):
        await hall.opens("loket-3")
        await hall.issues("nib")
        assert (await refused(hall.calls("loket-3"))).code == "nobody_waiting"
        await hall.issues("izin")
        assert (await hall.calls("loket-3")).service_id == "izin"

    async def test_one_ticket_at_a_time(self, hall: Hall):
        await hall.opens("loket-1")
        await asyncio.gather(hall.issues("nib"), hall.issues("nib"))
        await hall.calls("loket-1")
        assert (await refused(hall.calls("loket-1"))).code == "desk_busy"

    async def test_two_desks_at_once_never_call_the_same(self, hall: Hall):
        await hall.opens("loket-1", "loket-2")
        await asyncio.gather(*(hall.issues("nib") for _ in range(4)))
        first, second = await asyncio.gather(hall.calls("loket-1"), hall.calls("loket-2"))
        assert {first.number, second.number} == {"A-001", "A-002"}

    async def test_tells_who_is_near_the_front_once(self, hall: Hall):
        await hall.opens("loket-1", "loket-2")
        await asyncio.gather(*(hall.issues("nib") for _ in range(7)))
        await hall.calls("loket-1")
        await hall.calls("loket-2")
        told = said(hall.storage.outbox, "queue.ticket-near-front.v1")
        assert [(one["number"], one["people_before"]) for one in told] == [
            ("A-002", 0),
            ("A-003", 1),
            ("A-004", 2),
            ("A-005", 3),
            ("A-006", 3),
        ]

    async def test_sees_past_any_number_of_people_who_were_called_just_now(self, hall: Hall):
        """More than one look at the line fetches."""
        await hall.opens("loket-1")
        issued = [await hall.issues("nib") for _ in range(40)]
        for _ in range(30):
            await hall.calls("loket-1", at=NOON)
            await hall.takes(return_ticket, "loket-1", at=NOON, reason=None)
        assert (await hall.calls("loket-1", at=NOON)).number == issued[30].number
        await hall.takes(return_ticket, "loket-1", at=NOON, reason=None)
        assert (await hall.calls("loket-1", at=NOON + minutes(5))).number == issued[0].number

    async def test_another_regencys_desk_is_not_there(self, hall: Hall):
        stranger = Hall(hall.storage, hall.commit, hall.catalogue, tenant="buton")
        with pytest.raises(UnableToFind):
            await stranger.calls("loket-1")


class TestAWithdrawnDesk:
    """The register took it out of use while somebody was at work there."""

    async def test_calls_nobody_and_nobody_back(self, hall: Hall):
        await hall.opens("loket-1")
        held = await hall.issues("nib")
        await hall.issues("nib")
        await hall.calls("loket-1")
        await hall.takes(hold_ticket, "loket-1", at=NOON, reason=None)
        hall.catalogue = catalogue(desk("loket-1", "nib", "izin", active=False))
        assert (await refused(hall.calls("loket-1"))).code == "desk_withdrawn"
        back = await refused(hall.takes(resume_ticket, "loket-1", at=NOON, ticket_id=held.id))
        assert back.code == "desk_withdrawn"
        assert (await hall.sees(held.id)).state == "held"

    async def test_still_serves_who_is_there(self, hall: Hall):
        await hall.opens("loket-1")
        await hall.issues("nib")
        await hall.calls("loket-1")
        hall.catalogue = catalogue(desk("loket-1", "nib", "izin", active=False))
        await hall.takes(start_serving, "loket-1", at=NOON)
        assert (await hall.takes(finish_ticket, "loket-1", at=NOON)).state == "served"
        assert not (await hall.takes(close_desk, "loket-1", at=NOON)).is_open


class TestNearFront:
    async def test_says_the_number_that_the_visitor_sees_on_the_own_page_then(self, hall: Hall):
        """At a desk that serves all who may come first, with people in the line who may not be called yet."""
        hall.catalogue = catalogue(rules=Rules(priority_in_a_row=2, near_front=4))
        await hall.opens("loket-1", "loket-3")
        for n in range(24):
            await hall.issues("izin" if n % 3 else "nib", at=NOON + seconds(n), priority=n % 4 == 0)
        compared = 0
        for turn in range(16):
            at = NOON + minutes(1) + seconds(20 * turn)
            before = len(hall.storage.outbox)
            await hall.calls("loket-1", at=at)
            for told in said(hall.storage.outbox[before:], "queue.ticket-near-front.v1"):
                view = await show_visit(
                    await hall.sees(told["ticket_id"]),
                    lines=CachedLines(hall.storage),
                    at=at,
                    catalogue=hall.catalogue,
                )
                assert view.people_before == told["people_before"], told["number"]
                compared += 1
            step = return_ticket if turn % 3 == 0 else hold_ticket
            await hall.takes(step, "loket-1", at=at, reason=None)
            if turn % 5 == 0:  # a desk that serves less has a streak of its own
                await hall.calls("loket-3", at=at)
                await hall.takes(hold_ticket, "loket-3", at=at, reason=None)
        assert compared >= 8


class TestTheDeskIsFree:
    @pytest.mark.parametrize("step", [finish_ticket, hold_ticket, await_pickup, transfer_ticket])
    async def test_after_serving_ends(self, hall: Hall, step):
        more = {} if step is finish_ticket else {"reason": None}
        if step is transfer_ticket:
            more["service_id"] = "pajak"
        await self.serves(hall)
        await hall.takes(step, "loket-1", at=NOON + minutes(5), **more)
        assert (await hall.calls("loket-1", at=NOON + minutes(6))).number == "A-002"

    async def test_after_a_return_and_a_no_show(self, hall: Hall):
        hall.catalogue = catalogue(rules=Rules(grace_seconds=0))
        await hall.opens("loket-1")
        await asyncio.gather(*(hall.issues("nib") for _ in range(3)))
        await hall.calls("loket-1", at=NOON)
        await hall.takes(return_ticket, "loket-1", at=NOON, reason="not_ready")
        await hall.calls("loket-1", at=NOON)
        await hall.takes(mark_no_show, "loket-1", at=NOON)
        assert (await hall.calls("loket-1", at=NOON)).number == "A-003"

    async def serves(self, hall: Hall) -> None:
        await hall.opens("loket-1")
        await asyncio.gather(hall.issues("nib"), hall.issues("nib"))
        await hall.calls("loket-1", at=NOON)
        await hall.takes(start_serving, "loket-1", at=NOON)


class TestComingBack:
    async def test_a_held_ticket_to_a_free_desk_that_serves_it(self, hall: Hall):
        await hall.opens("loket-1", "loket-2", "loket-3")
        issued = await hall.issues("nib")
        await hall.calls("loket-1")
        await hall.takes(hold_ticket, "loket-1", at=NOON, reason="copy_documents")
        again = await refused(hall.takes(resume_ticket, "loket-3", at=NOON, ticket_id=issued.id))
        assert again.code == "other_counter"
        view = await hall.takes(resume_ticket, "loket-2", at=NOON, ticket_id=issued.id)
        assert (view.state, view.desk_id) == ("called", "loket-2")
        busy = await refused(hall.takes(resume_ticket, "loket-2", at=NOON, ticket_id=issued.id))
        assert busy.code == "desk_busy"

    async def test_a_missed_ticket_soon_after(self, hall: Hall):
        hall.catalogue = catalogue(rules=Rules(grace_seconds=0))
        await hall.opens("loket-1")
        issued = await hall.issues("nib")
        await hall.calls("loket-1", at=NOON)
        await hall.takes(mark_no_show, "loket-1", at=NOON)
        view = await hall.acts(reinstate_ticket, issued.id, at=NOON + minutes(9))
        assert view.state == "waiting"
        assert (await hall.calls("loket-1", at=NOON + minutes(9))).number == issued.number

    async def test_a_transferred_ticket_at_the_other_counter(self, hall: Hall):
        await hall.opens("loket-1", "loket-9")
        await hall.issues("nib")
        await hall.calls("loket-1")
        await hall.takes(start_serving, "loket-1", at=NOON)
        await hall.takes(transfer_ticket, "loket-1", at=NOON, service_id="pajak", reason=None)
        view = await hall.calls("loket-9", at=NOON + seconds(1))
        assert (view.number, view.leg, view.counter_id) == ("A-001", 2, "samsat")


class TestGivingUp:
    async def test_by_the_visitor_who_holds_the_link(self, hall: Hall):
        issued = await hall.issues("nib")
        view = await hall.does(lambda uow: cancel_visit(uow, NOON, issued.link, catalogue=hall.catalogue))
        assert (view.state, view.people_before, view.can_cancel) == ("cancelled", None, False)
        assert (await hall.sees(issued.id)).state == "cancelled"

    async def test_not_by_a_guess(self, hall: Hall):
        await hall.issues("nib")
        found = await refused(
            hall.does(lambda uow: cancel_visit(uow, NOON, "guess", catalogue=hall.catalogue))
        )
        assert (found.code, found.details) == ("not_found", {})

    async def test_not_while_it_is_called(self, hall: Hall):
        await hall.opens("loket-1")
        issued = await hall.issues("nib")
        await hall.calls("loket-1")
        found = await refused(hall.does(lambda uow: cancel_ticket(uow, NOON, issued.id, reason=None)))
        assert (found.code, found.details["state"]) == ("wrong_state", "called")


class TestClosingTheDesk:
    async def test_not_with_a_ticket_at_it(self, hall: Hall):
        await hall.opens("loket-1")
        await hall.issues("nib")
        await hall.calls("loket-1")
        assert (await refused(hall.takes(close_desk, "loket-1", at=NOON))).code == "desk_busy"

    async def test_then_nothing_is_at_it(self, hall: Hall):
        await hall.opens("loket-1")
        assert (await refused(hall.takes(recall_ticket, "loket-1", at=NOON))).code == "no_ticket_at_desk"
        assert not (await hall.takes(close_desk, "loket-1", at=NOON)).is_open
