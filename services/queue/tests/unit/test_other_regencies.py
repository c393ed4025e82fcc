"""Another regency's rows stand before a regency's own, and are more than any page holds: no answer is shorter for it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from queue_builders import MORNING, TODAY, Hall, catalogue, minutes, ticket

from gerai.contracts.queue import TicketState
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import TimerRow
from gerai.queue.adapters import lines as line_reading
from gerai.queue.adapters.lines import CachedLines
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases import call_next, show_availability, show_board, show_desk
from gerai.queue.use_cases import when_day_ended_expire_tickets as day_end
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.show_visit import show_visit
from gerai.queue.use_cases.start_serving import start_serving
from gerai.register.testing import TENANT

FOREIGN = 12
LIMIT = 10
BEFORE = MORNING - minutes(30)


@pytest.fixture
async def hall(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    for module, limit in (
        (call_next, "WIDE"),
        (show_availability, "LARGEST_SITE"),
        (show_board, "MOST_CALLED"),
        (show_desk, "ASIDE_LIMIT"),
        (line_reading, "LONGEST_LINE"),
        (day_end, "STEP"),
    ):
        monkeypatch.setattr(module, limit, LIMIT)
    storage = MemoryStorage()
    for number in range(FOREIGN):
        plant(storage, number)
    async with GroupCommit(storage, source="/gerai/queue") as commit:
        yield Hall(storage, commit, catalogue())


def plant(storage: MemoryStorage, number: int) -> None:
    """One row of each sort, with this site's and counter's names and an id that sorts first."""
    states = {
        TicketState.WAITING: None,
        TicketState.CALLED: "loket-1",
        TicketState.HELD: None,
    }
    for state, desk in states.items():
        one = ticket(1_000 + number, at=BEFORE, id=f"0-{state}-{number}")
        changed = one.model_copy(
            update={"tenant": "buton", "state": state, "desk_id": desk, "version": 1, "since": BEFORE}
        )
        storage.aggregates[Ticket][one.id] = changed
    at_work = DeskSession(id=f"0-{number}", tenant="buton", site_id="mpp", counter_id="dpmptsp", is_open=True)
    storage.aggregates[DeskSession][at_work.id] = at_work.model_copy(update={"version": 1, "since": BEFORE})
    day = ServiceDay(
        id=f"0-{number}",
        tenant="buton",
        site_id="mpp",
        counter_id="dpmptsp",
        service_id=f"0-{number}",
        local_day=TODAY,
        issued=7,
        prefix="A",
        version=1,
    )
    storage.aggregates[ServiceDay][day.id] = day


async def reads(hall: Hall, look: Any, *what: str, **more: Any) -> Any:
    return await look(*what, uow=hall.queries, catalogue=hall.catalogue, **more)


class TestOtherRegenciesRows:
    async def test_do_not_keep_a_number_or_a_call_back(self, hall: Hall):
        issued = await hall.issues("nib")
        assert issued.number == "A-001"
        await hall.opens("loket-1")
        called = await hall.calls("loket-1")
        assert called.number == "A-001"
        assert (await hall.takes(start_serving, "loket-1", at=MORNING + minutes(11))).number == "A-001"
        assert (await hall.takes(finish_ticket, "loket-1", at=MORNING + minutes(12))).number == "A-001"

    async def test_do_not_shorten_a_desks_view(self, hall: Hall):
        await hall.opens("loket-1")
        for _ in range(2):
            await hall.issues("nib")
        await hall.calls("loket-1")
        await hall.takes(hold_ticket, "loket-1", at=MORNING + minutes(11), reason=None)
        view = await reads(hall, show_desk.show_desk, "loket-1", lines=CachedLines(hall.storage))
        assert ([one.number for one in view.aside], view.waiting) == (["A-001"], 1)

    async def test_do_not_hang_on_the_board_or_push_anything_off_it(self, hall: Hall):
        await hall.opens("loket-1")
        for _ in range(3):
            await hall.issues("nib")
        await hall.calls("loket-1")
        board = await reads(
            hall, show_board.show_board, "mpp", lines=CachedLines(hall.storage), at=MORNING + minutes(11)
        )
        assert [one.number for one in board.called] == ["A-001"]
        (counter,) = [one for one in board.counters if one.counter_id == "dpmptsp"]
        assert (counter.waiting, counter.open_desks) == (2, 1)
        assert [one.number for one in counter.next] == ["A-002", "A-003"]

    async def test_do_not_stand_before_a_visitor(self, hall: Hall):
        issued = [await hall.issues("nib") for _ in range(2)]
        lines = CachedLines(hall.storage)
        second = await hall.sees(issued[1].id)
        view = await show_visit(second, lines=lines, at=MORNING + minutes(1), catalogue=hall.catalogue)
        assert view.people_before == 1

    async def test_do_not_count_as_numbers_of_today(self, hall: Hall):
        await hall.issues("nib")
        days = await reads(hall, show_availability.show_availability, "mpp", at=MORNING)
        assert {day.service_id: day.issued for day in days} == {"nib": 1, "izin": 0, "pajak": 0}

    async def test_do_not_end_with_a_day_nor_keep_it_from_ending(self, hall: Hall):
        issued = await hall.issues("nib")
        await hall.opens("loket-1")
        (timer,) = hall.storage.timers.values()
        await self.end(hall, timer, at=MORNING + minutes(8 * 60))
        assert (await hall.sees(issued.id)).state is TicketState.EXPIRED
        sessions = hall.storage.aggregates[DeskSession].values()
        assert {one.is_open for one in sessions if one.tenant == TENANT} == {False}
        assert {one.is_open for one in sessions if one.tenant == "buton"} == {True}
        foreign = [one for one in hall.storage.aggregates[Ticket].values() if one.tenant == "buton"]
        assert TicketState.EXPIRED not in {one.state for one in foreign}

    async def end(self, hall: Hall, timer: TimerRow, *, at: datetime) -> None:
        await hall.does(
            lambda uow: day_end.when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=hall.catalogue)
        )
