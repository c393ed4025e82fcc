"""Who is next: each rule alone, and all of them together against a plain model."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_builders import MORNING, RULES, is_priority, minutes, plain_choice, ticket

from gerai.messaging.refusal import Refusal
from gerai.queue.domain.calling import in_order
from gerai.queue.domain.line import MOST_SETS, Line
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket

NOW = MORNING + minutes(60)
LIMITS = {"nib": 45, "izin": 30, "akta": None}
WAIT_LIMITS = {id: minutes(limit) for id, limit in LIMITS.items() if limit is not None}


def order(*tickets: Ticket, streak: int = 0, at=NOW, most: int = 3) -> list[int]:
    ordered = in_order(tickets, at=at, wait_limits=WAIT_LIMITS, streak=streak, priority_in_a_row=most)
    return [one.n for one in ordered]


class TestOrder:
    def test_is_by_arrival_and_then_by_number(self):
        late, early = ticket(1, at=MORNING + minutes(30)), ticket(2, at=MORNING + minutes(29))
        twin = ticket(3, at=MORNING + minutes(29))
        assert order(late, twin, early) == [2, 3, 1]

    def test_priority_goes_before_those_who_came_earlier(self):
        assert order(ticket(1, at=NOW), ticket(2, at=NOW, priority=True)) == [2, 1]

    def test_overdue_goes_before_priority(self):
        overdue = ticket(1, at=NOW - minutes(46))
        assert order(ticket(2, at=NOW, priority=True), overdue) == [1, 2]

    def test_overdue_begins_when_the_limit_is_over(self):
        just = ticket(1, at=NOW - minutes(45))
        assert order(ticket(2, at=NOW, priority=True), just) == [1, 2]
        assert order(ticket(2, at=NOW, priority=True), just, at=NOW - timedelta(seconds=1)) == [2, 1]

    def test_among_the_overdue_priority_goes_first(self):
        regular = ticket(1, at=NOW - minutes(100))
        priority = ticket(2, at=NOW - minutes(50), priority=True)
        assert order(regular, priority) == [2, 1]

    def test_a_shorter_limit_is_overdue_earlier_than_an_older_ticket(self):
        patient = ticket(1, at=NOW - minutes(40), service_id="nib")
        hurried = ticket(2, at=NOW - minutes(31), service_id="izin")
        assert order(patient, hurried) == [2, 1]

    def test_where_there_is_no_limit_nobody_is_overdue(self):
        patient = ticket(1, at=NOW - minutes(300), service_id="akta")
        assert order(patient, ticket(2, at=NOW, priority=True)) == [2, 1]

    def test_after_three_priority_calls_one_of_the_others_comes(self):
        privileged = [ticket(n, at=NOW, priority=True) for n in range(1, 7)]
        assert order(*privileged, ticket(8, at=NOW), ticket(9, at=NOW)) == [1, 2, 3, 8, 4, 5, 6, 9]

    def test_the_calls_before_count(self):
        assert order(ticket(1, at=NOW, priority=True), ticket(2, at=NOW), streak=3) == [2, 1]

    def test_nobody_is_held_back_for_nobody(self):
        assert order(*(ticket(n, at=NOW, priority=True) for n in range(1, 6)), streak=3) == [1, 2, 3, 4, 5]


class TestLine:
    def test_skips_who_was_called_just_now(self):
        line, returned, other = line_of_counter(), ticket(1), ticket(2)
        returned.callable_from = NOW + minutes(1)
        assert call(line, [returned, other]).n == 2
        assert call(line, [returned], at=NOW + minutes(1)).n == 1

    def test_tells_those_who_have_three_or_fewer_before_them(self):
        line, waiting = line_of_counter(), [ticket(n) for n in range(1, 8)]
        call(line, waiting)
        told = {one.n: one.recorded[-1].event.people_before for one in waiting if one.near_front_at}
        assert told == {2: 0, 3: 1, 4: 2, 5: 3}

    def test_counts_its_calls(self):
        line, waiting = line_of_counter(), [ticket(1), ticket(2)]
        first, second = call(line, waiting), call(line, waiting[1:])
        assert [one.recorded[-1].event.line_sequence for one in (first, second)] == [1, 2]

    def test_says_when_nobody_waits(self):
        with pytest.raises(Refusal) as refused:
            call(line_of_counter(), [])
        assert refused.value.code == "nobody_waiting"


@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 90), st.booleans(), st.sampled_from(sorted(LIMITS))), min_size=1, max_size=30
    ),
    most=st.integers(1, 4),
    step=st.integers(0, 10),
)
def test_a_line_is_emptied_in_the_order_that_a_plain_reading_of_the_rules_gives(arrivals, most, step):
    waiting = [
        ticket(n, at=NOW - minutes(ago), priority=priority, service_id=service_id)
        for n, (ago, priority, service_id) in enumerate(arrivals, start=1)
    ]
    line, rules = line_of_counter(), Rules(priority_in_a_row=most, near_front=0)
    at, in_a_row = NOW, 0
    while waiting:
        expected = plain_choice(waiting, at, in_a_row, most, LIMITS)
        got = call(line, waiting, at=at, rules=rules)
        assert got.n == expected.n
        in_a_row = in_a_row + 1 if is_priority(got) else 0
        waiting.remove(got)
        at += minutes(step)


ALL = ("akta", "ktp", "kk", "pindah", "kia")
WIDE, NARROW = ALL, ALL[:2]


class Hallway:
    """Who waits before one counter whose desks serve different services."""

    def __init__(self) -> None:
        self.line = line_of_counter()
        self.waiting: list[Ticket] = []
        self.numbers = count(1)

    def comes(self, service_id: str, *, priority: bool = False) -> Ticket:
        one = ticket(next(self.numbers), priority=priority, service_id=service_id)
        self.waiting.append(one)
        return one

    def calls(self, serves: Iterable[str]) -> Ticket | None:
        mine = [one for one in self.waiting if one.service_id in set(serves)]
        if not mine:
            return None
        called = call(self.line, mine, serves=serves)
        self.waiting.remove(called)
        return called


class TestNobodyStarves:
    def test_at_desks_beside_one_that_serves_something_else(self):
        """Three desks serve everything, the fourth two services: its regular calls must not use up the turn of those
        who wait only for the three."""
        hallway = Hallway()
        patient = [hallway.comes(service_id) for service_id in ("kk", "pindah", "kia")]
        for _ in range(4):
            hallway.comes("akta")
            for _ in range(3):
                hallway.comes("kk", priority=True)
            hallway.calls(NARROW)
            for _ in range(3):
                hallway.calls(WIDE)
        assert not [one.n for one in patient if one in hallway.waiting]

    @given(
        steps=st.lists(
            st.tuples(
                st.lists(st.tuples(st.sampled_from(ALL), st.booleans()), max_size=4),
                st.sampled_from([WIDE, NARROW, ALL[3:], ALL[1:4]]),
            ),
            max_size=60,
        )
    )
    def test_before_any_desk_however_the_others_call(self, steps):
        hallway = Hallway()
        in_a_row: dict[tuple[str, ...], int] = {}
        for arrivals, serves in steps:
            for service_id, priority in arrivals:
                hallway.comes(service_id, priority=priority)
            regular = any(one.service_id in serves and not is_priority(one) for one in hallway.waiting)
            called = hallway.calls(serves)
            if called is None:
                continue
            in_a_row[serves] = in_a_row.get(serves, 0) + 1 if is_priority(called) else 0
            assert not regular or in_a_row[serves] <= RULES.priority_in_a_row

    def test_and_a_line_remembers_the_sets_that_called_last(self):
        hallway = Hallway()
        for number in range(2 * MOST_SETS):
            hallway.comes(f"service-{number}", priority=True)
            hallway.comes("ktp", priority=True)
            hallway.calls([f"service-{number}"])
            hallway.calls(["ktp"])
        assert len(hallway.line.streaks) == MOST_SETS
        assert hallway.line.streaks["ktp"] == 2 * MOST_SETS
        assert list(hallway.line.streaks)[-2:] == [f"service-{2 * MOST_SETS - 1}", "ktp"]

    def test_and_the_order_in_which_a_desk_lists_its_services_says_nothing(self):
        hallway = Hallway()
        for _ in range(2):
            hallway.comes("kk", priority=True)
        hallway.calls(("kk", "ktp"))
        hallway.calls(("ktp", "kk", "kk"))
        assert hallway.line.streaks == {"kk,ktp": 2}


def line_of_counter() -> Line:
    return Line(id="dpmptsp", tenant="muna-barat")


def call(
    line: Line, waiting: list[Ticket], *, serves: Iterable[str] = ("nib",), at=NOW, rules: Rules = RULES
) -> Ticket:
    return line.call_next(
        waiting, desk="loket-1", serves=serves, wait_limits=WAIT_LIMITS, rules=rules, at=at, actor="officer"
    )
