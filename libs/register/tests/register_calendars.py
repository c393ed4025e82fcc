"""Any calendar that the contract lets through, for property tests."""

from datetime import date, timedelta
from typing import TypeAlias

from hypothesis import strategies as st

from gerai.contracts.registry import DayHours, HolidayKind, Interval, Period
from gerai.register.local_time import text_of
from gerai.register.testing import holiday, interval, joint_leave, override, pause, week


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, str]:
    """In quarters of an hour, up to 24:00."""
    opens = draw(st.integers(0, 95))
    return text_of(opens * 15), text_of(draw(st.integers(opens + 1, 96)) * 15)


Hours: TypeAlias = tuple[Interval, ...]
ANY_HOURS: st.SearchStrategy[Hours] = st.lists(spans().map(lambda span: interval(*span)), max_size=3).map(
    tuple
)
A_FEW_HOURS: st.SearchStrategy[Hours] = st.sampled_from(
    [(), (interval("08:00", "15:30"),), (interval("08:00", "12:00"), interval("13:00", "24:00"))]
)
"""Cheap to draw, where it matters alone whether there are any."""


def weeks(hours: st.SearchStrategy[Hours]) -> st.SearchStrategy[tuple[DayHours, ...]]:
    def made(of_days: list[Hours]) -> tuple[DayHours, ...]:
        return tuple(day for number, found in enumerate(of_days) for day in week(*found, weekdays=[number]))

    return st.lists(hours, min_size=7, max_size=7).map(made)


@st.composite
def periods(draw: st.DrawFn, days: list[date], hours: st.SearchStrategy[Hours]) -> Period:
    starts = draw(st.sampled_from(days))
    lasts = draw(st.none() | st.integers(0, 40))
    ends = starts + timedelta(days=lasts) if lasts is not None else None
    return Period(starts=starts, ends=ends, week=draw(weeks(hours)), breaks=(), reason="Ramadan")


def calendars(days: list[date], hours: st.SearchStrategy[Hours]) -> st.SearchStrategy[dict[str, object]]:
    """What `testing.calendar` takes."""
    dates = st.sampled_from(days)
    closed = st.dictionaries(dates, st.sampled_from(HolidayKind), max_size=6)
    made = {HolidayKind.NATIONAL: holiday, HolidayKind.JOINT_LEAVE: joint_leave}
    breaks = st.tuples(spans(), st.integers(0, 6)).map(lambda found: pause(*found[0], found[1]))
    return st.fixed_dictionaries(
        {
            "week": weeks(hours),
            "breaks": st.lists(breaks, max_size=4).map(tuple),
            "holidays": closed.map(lambda found: tuple(made[kind](day) for day, kind in found.items())),
            "overrides": st.dictionaries(dates, hours, max_size=6).map(
                lambda found: tuple(override(day, *intervals) for day, intervals in found.items())
            ),
            "force_open": st.sets(dates, max_size=6).map(tuple),
            "cutoff_minutes": st.integers(0, 240),
            "periods": st.lists(periods(days, hours), max_size=2, unique_by=lambda period: period.starts).map(
                tuple
            ),
        }
    )
