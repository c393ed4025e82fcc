"""How long a legal deadline takes to find: on a calendar alone, and of a case with its pauses."""

import time
from datetime import UTC, date, datetime, timedelta

from bench.figure import Figure
from gerai.licensing.domain.clock_terms import Budget, ClockTerms, PauseKind, PauseReason
from gerai.licensing.domain.legal_clock import LegalClock
from gerai.licensing.domain.working_days import Almanac
from gerai.register.register import Register
from gerai.register.testing import TENANT, calendar, entries, holiday, institution, joint_leave, site
from gerai.register.working_days import WorkingDays

FIRST, YEARS = date(2026, 1, 1), 5
HOLIDAYS, LEAVE = 17, 8
"""Of a year, as of late."""
DEADLINE = 5
ROUNDS = 20


async def working_days() -> Figure:
    """A deadline of 5 working days from each day of five years, on a calendar that was just read; the median of rounds."""
    starts = [FIRST + timedelta(days=ahead) for ahead in range(YEARS * 365)]
    rounds = sorted(_round(starts) for _ in range(ROUNDS))
    first = sorted(_timed(_just_read(), FIRST) for _ in range(ROUNDS))
    return Figure(
        id="working_days",
        value=rounds[ROUNDS // 2] / len(starts) * 1e6,
        unit="µs",
        detail=f"{len(starts)} deadlines; the first, which makes its year ready, {first[ROUNDS // 2] * 1e6:.0f} µs",
    )


TERMS = ClockTerms(working_days=14, clarification=Budget(times=3, days=15))
PAUSES = ((3, 8), (10, 15), (16, 21))
"""Asked and answered so many days after the file was complete."""


async def deadline_us() -> Figure:
    """The deadline of a case with three pauses, reckoned whole from its first day, for 300 cases over five years; the
    median of rounds, on a calendar that has been used before."""
    almanac = Almanac(_just_read())
    starts = [datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=6 * number) for number in range(300)]
    rounds = sorted(_paused_round(starts, almanac) for _ in range(ROUNDS))
    clock = _paused(starts[0], almanac)
    return Figure(
        id="deadline_us",
        value=rounds[ROUNDS // 2] / len(starts) * 1e6,
        unit="µs",
        detail=f"14 working days, three pauses: {len(clock.marks)} days to look at",
    )


def _paused_round(starts: list[datetime], almanac: Almanac) -> float:
    """Reckons each case's days anew, from its first: what a change of the calendar costs on its first day."""
    cases = [(_paused(start, almanac), start) for start in starts]
    begun = time.perf_counter()
    for clock, start in cases:
        clock.reschedule(almanac=almanac, at=start)
    return time.perf_counter() - begun


def _paused(start: datetime, almanac: Almanac) -> LegalClock:
    clock = LegalClock.start(TERMS, almanac=almanac, at=start)
    for asked, answered in PAUSES:
        clock = clock.pause(
            PauseKind.CLARIFICATION,
            PauseReason.PAPER_WRONG,
            almanac=almanac,
            at=start + timedelta(days=asked),
        ).answer(almanac=almanac, at=start + timedelta(days=answered))
    return clock


def _round(starts: list[date]) -> float:
    days = _just_read()
    begun = time.perf_counter()
    for start in starts:
        days.nth_from(start, DEADLINE)
    return time.perf_counter() - begun


def _timed(days: WorkingDays, start: date) -> float:
    begun = time.perf_counter()
    days.nth_from(start, DEADLINE)
    return time.perf_counter() - begun


def _just_read() -> WorkingDays:
    table = [
        *(holiday(FIRST + timedelta(days=number * 21)) for number in range(HOLIDAYS * YEARS)),
        *(joint_leave(FIRST + timedelta(days=number * 45 + 5)) for number in range(LEAVE * YEARS)),
    ]
    once = {found.date: found for found in table}
    told = (site(), institution(), calendar(holidays=tuple(once.values())))
    return Register(entries(told)).working_days("dpmptsp", site_id="mpp", tenant=TENANT)
