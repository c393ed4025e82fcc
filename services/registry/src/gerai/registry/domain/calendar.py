"""When a site, an institution, a counter or a service is open: week, breaks, holidays, exceptions, the last ticket of
the day."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from gerai.contracts.registry import CalendarChanged, HolidayKind
from gerai.contracts.text import Name
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.entry import Entry, Facts, Stated
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.local_time import LocalTime, Weekday
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.domain.words import CALENDAR


class Interval(Stated):
    """Open from `opens` until just before `closes`, on one local day."""

    opens: LocalTime
    closes: LocalTime

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens >= self.closes:
            raise PydanticCustomError(
                "closes_before_opening",
                "The opening time {opens} must be before the closing time {closes}.",
                {"opens": self.opens, "closes": self.closes},
            )
        return self


def _apart(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    ordered = tuple(sorted(intervals, key=lambda one: one.opens))
    for earlier, later in pairwise(ordered):
        if later.opens < earlier.closes:
            raise PydanticCustomError(
                "hours_overlap",
                "The hours {first} and {second} overlap.",
                {
                    "first": f"{earlier.opens}–{earlier.closes}",
                    "second": f"{later.opens}–{later.closes}",
                },
            )
    return ordered


Hours = Annotated[tuple[Interval, ...], Field(max_length=8), AfterValidator(_apart)]


class DayHours(Stated):
    """The opening hours of one day of the week; a day that is not listed is closed."""

    weekday: Weekday
    intervals: Hours


class Break(Stated):
    """A time within the opening hours when nobody is served: lunch, Friday prayer."""

    label: Name
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    starts: LocalTime
    ends: LocalTime

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.starts >= self.ends:
            raise PydanticCustomError(
                "ends_before_start",
                "The break must start ({starts}) before it ends ({ends}).",
                {"starts": self.starts, "ends": self.ends},
            )
        return self


class Holiday(Stated):
    """A day on which the owner is closed, from the yearly table. A site's holds for its counters and services, too."""

    date: date
    name: Name
    kind: HolidayKind = HolidayKind.NATIONAL


class Override(Stated):
    """Other hours on one date; no intervals means closed."""

    date: date
    intervals: Hours = ()
    reason: Name


def _once_per_weekday(week: tuple[DayHours, ...]) -> tuple[DayHours, ...]:
    days = [day.weekday for day in week]
    for day in days:
        if days.count(day) > 1:
            raise PydanticCustomError(
                "weekday_repeated", "Weekday {weekday} is listed twice.", {"weekday": day}
            )
    return tuple(sorted(week, key=lambda day: day.weekday))


def _once_per_date(dated: tuple[Holiday | Override, ...]) -> tuple[Holiday | Override, ...]:
    ordered = sorted(dated, key=lambda one: one.date)
    for one, following in pairwise(ordered):
        if one.date == following.date:
            raise PydanticCustomError(
                "date_repeated", "The date {date} is listed twice.", {"date": one.date.isoformat()}
            )
    return tuple(ordered)


def _in_order(dates: Iterable[date]) -> tuple[date, ...]:
    return tuple(sorted(set(dates)))


Week = Annotated[tuple[DayHours, ...], Field(max_length=7), AfterValidator(_once_per_weekday)]
Breaks = Annotated[tuple[Break, ...], Field(max_length=20)]


class Period(Stated):
    """Another week from one date to another: the hours of Ramadan, or a 6-day week from a date on."""

    starts: date
    ends: date | None = None
    """Its last day; None: for good, or until a period that starts later."""
    week: Week
    breaks: Breaks = ()
    reason: Name

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.ends is not None and self.starts > self.ends:
            raise PydanticCustomError(
                "period_ends_before_start",
                "The period must start ({starts}) before it ends ({ends}).",
                {"starts": self.starts.isoformat(), "ends": self.ends.isoformat()},
            )
        return self


def _once_per_start(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    ordered = sorted(periods, key=lambda period: period.starts)
    for period, following in pairwise(ordered):
        if period.starts == following.starts:
            raise PydanticCustomError(
                "date_repeated", "The date {date} is listed twice.", {"date": period.starts.isoformat()}
            )
    return tuple(ordered)


class CalendarFacts(Facts):
    """What a registrar states about the hours of one owner."""

    week: Week = ()
    breaks: Breaks = ()
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=200), AfterValidator(_once_per_date)] = ()
    overrides: Annotated[tuple[Override, ...], Field(max_length=200), AfterValidator(_once_per_date)] = ()
    force_open: Annotated[tuple[date, ...], Field(max_length=200), AfterValidator(_in_order)] = ()
    """Dates on which the week's hours hold although there is a holiday."""
    cutoff_minutes: Annotated[int, Field(ge=0, le=240)] = 30
    """The last ticket is given this long before closing; who holds a number is still served."""
    periods: Annotated[tuple[Period, ...], Field(max_length=40), AfterValidator(_once_per_start)] = ()
    """When another week holds; where two have a date, the one that starts later."""


OWNERS: dict[str, type[Entry]] = {
    "site": Site,
    "institution": Institution,
    "counter": Counter,
    "service": Service,
}
CalendarId = Annotated[str, Field(pattern=rf"^({'|'.join(OWNERS)}):[a-z0-9][a-z0-9-]{{0,63}}$")]
"""A calendar is known by its owner, so nobody can have two: "counter:dpmptsp"."""


class Calendar(CalendarFacts, Entry):
    """The calendar of a site, or the one of an institution, a counter or a service that differs from it."""

    collection = "calendars"
    section = "calendars"
    facts_type = CalendarFacts
    changed = CalendarChanged
    word = CALENDAR
    id_is_chosen = False

    @classmethod
    def parents_of(cls, id: str, stated: Mapping[str, Any]) -> list[tuple[str, type[Entry], str]]:
        """Its owner."""
        owner, _, owner_id = id.partition(":")
        return [("id", OWNERS[owner], owner_id)]
