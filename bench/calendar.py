"""How long a legal deadline takes to find."""

import time
from datetime import date, timedelta

from bench.figure import Figure
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
