"""The end of a site's day: once, in steps, and as the site's rules say."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest
from queue_builders import MORNING, TODAY, Hall, catalogue, minutes, said

from gerai.contracts import registry as language
from gerai.messaging.storage import TimerRow
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.rules import Overnight, Rules
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases import when_day_ended_expire_tickets as day
from gerai.queue.use_cases.await_pickup import await_pickup
from gerai.queue.use_cases.cancel_ticket import cancel_ticket
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.resume_ticket import resume_ticket
from gerai.queue.use_cases.start_serving import start_serving
from gerai.register.testing import calendar

EVENING = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
"""16:30 at the site: an hour after closing."""


MIDNIGHT = datetime(2026, 11, 24, 16, tzinfo=UTC)


async def ends(hall: Hall, *, at: datetime = EVENING) -> int:
    """Fire the timer until it does not set itself again; how often it fired."""
    for fired in range(1, 50):
        (timer,) = hall.storage.timers.values()

        async def fire(uow, timer: TimerRow = timer) -> None:
            uow.complete_timer(timer)
            await day.when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=hall.catalogue)

        await hall.does(fire)
        if not hall.storage.timers or timer.due < next(iter(hall.storage.timers.values())).due:
            return fired
    raise AssertionError("it never ends")


def states(hall: Hall) -> dict[str, str]:
    return {one.number: one.state.value for one in hall.storage.aggregates[Ticket].values()}


async def test_ends_some_time_after_closing(hall: Hall):
    await hall.issues("nib")
    await ends(hall, at=EVENING - minutes(1))
    assert [timer.due for timer in hall.storage.timers.values()] == [EVENING]
    assert states(hall) == {"A-001": "waiting"}


async def test_looks_again_so_that_hours_shortened_during_the_day_count(hall: Hall):
    await hall.issues("nib")
    (timer,) = hall.storage.timers.values()
    assert timer.due == MORNING + minutes(15)
    short = (language.DayHours(weekday=1, intervals=(language.Interval(opens="08:00", closes="10:00"),)),)
    hall.catalogue = catalogue(calendar(week=short))
    await ends(hall, at=timer.due)
    (timer,) = hall.storage.timers.values()
    assert timer.due == MORNING + minutes(30)
    noon = MORNING + minutes(3 * 60)
    await ends(hall, at=noon)
    assert states(hall) == {"A-001": "expired"}


async def test_ends_those_who_wait_in_bounded_steps(hall: Hall, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(day, "STEP", 10)
    for _ in range(25):
        await hall.issues("nib")
    commits = hall.storage.commits
    assert await ends(hall) == 3
    assert hall.storage.commits == commits + 3
    assert set(states(hall).values()) == {"expired"}
    assert len(said(hall.storage.outbox, "queue.ticket-expired.v1")) == 25


async def test_frees_the_desk_of_a_called_ticket_and_leaves_who_is_being_served(hall: Hall):
    await hall.opens("loket-1", "loket-2", "loket-3")
    for _ in range(3):
        await hall.issues("nib")
    await hall.issues("izin", at=MORNING + minutes(1))
    await hall.calls("loket-1")
    await hall.takes(start_serving, "loket-1", at=MORNING + minutes(11))
    await hall.calls("loket-2")
    await hall.calls("loket-3")
    await hall.takes(hold_ticket, "loket-3", at=MORNING + minutes(12), reason=None)
    await ends(hall)
    assert states(hall) == {"A-001": "serving", "A-002": "expired", "A-003": "expired", "B-001": "expired"}
    desks = hall.storage.aggregates[DeskSession]
    assert {id: one.ticket_id is None for id, one in desks.items()} == {
        "loket-1": False,
        "loket-2": True,
        "loket-3": True,
    }


async def test_keeps_what_was_called_or_held_where_the_site_says_so(hall: Hall):
    hall.catalogue = catalogue(rules=Rules(end_called_and_held=False))
    await hall.opens("loket-1")
    await hall.issues("nib")
    await hall.issues("nib")
    await hall.calls("loket-1")
    await ends(hall)
    assert states(hall) == {"A-001": "called", "A-002": "expired"}


@pytest.mark.parametrize("end_called_and_held", [True, False])
async def test_never_ends_what_waits_for_its_pickup(hall: Hall, end_called_and_held: bool):
    """The passport is ready tomorrow."""
    hall.catalogue = catalogue(rules=Rules(end_called_and_held=end_called_and_held))
    await hall.opens("loket-1")
    issued = await hall.issues("nib")
    await hall.calls("loket-1")
    await hall.takes(start_serving, "loket-1", at=MORNING + minutes(11))
    await hall.takes(await_pickup, "loket-1", at=MORNING + minutes(12), reason=None)
    await ends(hall)
    await ends(hall, at=EVENING + minutes(8 * 60))
    assert states(hall) == {"A-001": "awaiting_pickup"}
    tomorrow = MORNING + minutes(24 * 60)
    await hall.opens("loket-1", at=tomorrow)
    view = await hall.takes(resume_ticket, "loket-1", at=tomorrow, ticket_id=issued.id)
    assert (view.state, view.desk_id) == ("called", "loket-1")


async def test_a_pickup_that_is_called_when_the_day_ends_may_be_fetched_on_the_next(hall: Hall):
    await hall.opens("loket-1")
    issued = await hall.issues("nib")
    await hall.calls("loket-1")
    await hall.takes(start_serving, "loket-1", at=MORNING + minutes(11))
    await hall.takes(await_pickup, "loket-1", at=MORNING + minutes(12), reason=None)
    await hall.takes(resume_ticket, "loket-1", at=EVENING - minutes(5), ticket_id=issued.id)
    await ends(hall)
    assert states(hall) == {"A-001": "awaiting_pickup"}
    assert hall.storage.aggregates[DeskSession]["loket-1"].ticket_id is None
    tomorrow = MORNING + minutes(24 * 60)
    await hall.opens("loket-1", at=tomorrow)
    view = await hall.takes(resume_ticket, "loket-1", at=tomorrow, ticket_id=issued.id)
    assert view.state == "called"


async def test_keeps_the_queue_overnight_where_the_site_says_so(hall: Hall):
    hall.catalogue = catalogue(rules=Rules(overnight=Overnight.KEEP))
    await hall.opens("loket-1")
    await hall.issues("nib")
    await ends(hall)
    tomorrow = MORNING + minutes(24 * 60)
    await hall.opens("loket-1", at=tomorrow)
    assert (await hall.issues("nib", at=tomorrow)).local_day == "2026-11-25"
    assert (await hall.calls("loket-1", at=tomorrow)).local_day == TODAY


async def test_waits_while_the_site_is_not_known(hall: Hall):
    """Its entry became unusable during the day: nobody is sent away, and the timer does not fail."""
    await hall.issues("nib")
    known, hall.catalogue = hall.catalogue, Catalogue()
    await ends(hall)
    assert [timer.due for timer in hall.storage.timers.values()] == [EVENING + minutes(15)]
    assert states(hall) == {"A-001": "waiting"}
    hall.catalogue = known
    await ends(hall, at=EVENING + minutes(15))
    assert states(hall) == {"A-001": "expired"}


async def test_waits_longer_where_the_hours_were_changed_since(hall: Hall):
    await hall.issues("nib")
    late = (language.DayHours(weekday=1, intervals=(language.Interval(opens="08:00", closes="20:00"),)),)
    hall.catalogue = catalogue(calendar(week=late))
    closes = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    await ends(hall, at=closes)
    (timer,) = hall.storage.timers.values()
    assert timer.due == closes + minutes(15)
    assert states(hall) == {"A-001": "waiting"}


async def test_also_ends_what_an_earlier_day_left(hall: Hall):
    hall.catalogue = catalogue(rules=Rules(overnight=Overnight.KEEP))
    await hall.issues("nib")
    await ends(hall)
    await ends(hall, at=MIDNIGHT)
    hall.catalogue = catalogue()
    await hall.issues("nib", at=MORNING + minutes(24 * 60))
    await ends(hall, at=EVENING + minutes(24 * 60))
    assert [one.state for one in hall.storage.aggregates[Ticket].values()] == ["expired", "expired"]


class TestDesks:
    """An officer who forgot to close the desk."""

    def open_desks(self, hall: Hall) -> set[str]:
        return {id for id, one in hall.storage.aggregates[DeskSession].items() if one.is_open}

    @pytest.mark.parametrize("overnight", list(Overnight))
    async def test_are_closed_and_who_is_served_is_served_to_the_end(self, hall: Hall, overnight: Overnight):
        hall.catalogue = catalogue(rules=Rules(overnight=overnight))
        await hall.opens("loket-1", "loket-2", "loket-3")
        await hall.issues("nib")
        await hall.calls("loket-1")
        await hall.takes(start_serving, "loket-1", at=MORNING + minutes(11))
        await ends(hall)
        assert self.open_desks(hall) == {"loket-1"}
        await hall.takes(finish_ticket, "loket-1", at=EVENING + minutes(10))
        await ends(hall, at=MIDNIGHT)
        assert self.open_desks(hall) == set()
        assert hall.storage.timers == {}

    async def test_that_had_a_called_ticket_are_closed_with_it(self, hall: Hall):
        await hall.opens("loket-1")
        await hall.issues("nib")
        await hall.calls("loket-1")
        await ends(hall)
        assert self.open_desks(hall) == set()

    async def test_of_the_next_day_stay_open_where_the_end_comes_late(self, hall: Hall):
        """Nothing ran over night."""
        await hall.opens("loket-1")
        await hall.issues("nib")
        tomorrow = MORNING + minutes(24 * 60)
        await hall.opens("loket-2", at=tomorrow)
        await ends(hall, at=tomorrow + minutes(1))
        assert self.open_desks(hall) == {"loket-2"}

    async def test_are_closed_in_bounded_steps(self, hall: Hall, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(day, "STEP", 2)
        await hall.opens("loket-1", "loket-2", "loket-3", "loket-9")
        await hall.issues("nib")
        assert await ends(hall) == 3
        assert self.open_desks(hall) == set()


async def test_expires_all_though_some_of_a_step_are_gone_by_another_command_of_its_group(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(day, "STEP", 10)
    issued = [await hall.issues("nib") for _ in range(25)]
    cancelled = hall.does(lambda uow: cancel_ticket(uow, EVENING, issued[3].id, reason=None))
    await asyncio.gather(cancelled, ends(hall))
    assert Counter(states(hall).values()) == {"expired": 24, "cancelled": 1}
