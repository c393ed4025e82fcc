"""A calendar of the register, taken apart so that it can be asked often."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from gerai.contracts.registry import Break, CalendarChanged, DayHours, Holiday, Interval, Override, Period
from gerai.register.local_time import Span, minutes_of

WEEKDAYS = range(7)


@dataclass(frozen=True, slots=True)
class Week:
    """The hours of each weekday, Monday first, in order and apart; none: closed. The breaks of each, in order."""

    hours: tuple[tuple[Span, ...], ...]
    breaks: tuple[tuple[Span, ...], ...]

    @classmethod
    def of(cls, days: Iterable[DayHours], breaks: Iterable[Break]) -> "Week":
        """Raises ValueError for hours that are none."""
        hours = {day.weekday: _spans(day.intervals) for day in days}
        pauses = [
            (found.weekdays, Span(minutes_of(found.starts), minutes_of(found.ends))) for found in breaks
        ]
        return cls(
            hours=tuple(hours.get(weekday, ()) for weekday in WEEKDAYS),
            breaks=tuple(
                tuple(sorted(span for weekdays, span in pauses if weekday in weekdays))
                for weekday in WEEKDAYS
            ),
        )


@dataclass(frozen=True, slots=True)
class DatedWeek:
    """Another week, from its first to its last day; None: for good."""

    starts: date
    ends: date | None
    week: Week

    @classmethod
    def of(cls, period: Period) -> "DatedWeek":
        return cls(period.starts, period.ends, Week.of(period.week, period.breaks))

    def has(self, day: date) -> bool:
        return self.starts <= day and (self.ends is None or day <= self.ends)


@dataclass(frozen=True, slots=True)
class SpecialHours:
    """The hours of one date instead of the week's; none: closed."""

    hours: tuple[Span, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The calendar of a site, an institution, a counter or a service, as its owner's id says: "site:muna-barat-mpp"."""

    id: str
    tenant: str
    version: int
    active: bool
    week: Week
    """The ordinary one."""
    dated_weeks: tuple[DatedWeek, ...]
    """Which take its place, the latest first."""
    holidays: Mapping[date, Holiday]
    special_hours: Mapping[date, SpecialHours]
    force_open: frozenset[date]
    cutoff_minutes: int
    decreed_years: frozenset[int]
    """Those of which the table of holidays has any."""

    @classmethod
    def of(cls, event: CalendarChanged, *, version: int) -> "Calendar":
        """Raises ValueError for hours that are none."""
        return cls(
            id=event.id,
            tenant=event.tenant,
            version=version,
            active=event.active,
            week=Week.of(event.week, event.breaks),
            dated_weeks=tuple(
                DatedWeek.of(period)
                for period in sorted(event.periods, key=lambda period: period.starts, reverse=True)
            ),
            holidays={holiday.date: holiday for holiday in event.holidays},
            special_hours={override.date: _special(override) for override in event.overrides},
            force_open=frozenset(event.force_open),
            cutoff_minutes=event.cutoff_minutes,
            decreed_years=frozenset(holiday.date.year for holiday in event.holidays),
        )

    def week_of(self, day: date) -> Week:
        """The week that holds on a day."""
        return next((dated.week for dated in self.dated_weeks if dated.has(day)), self.week)


def _special(override: Override) -> SpecialHours:
    return SpecialHours(_spans(override.intervals), override.reason)


def _spans(intervals: Iterable[Interval]) -> tuple[Span, ...]:
    """In order; what overlaps or touches is one. Raises ValueError for hours that are none."""
    spans: list[Span] = []
    for opens, closes in sorted((minutes_of(span.opens), minutes_of(span.closes)) for span in intervals):
        if opens >= closes:
            raise ValueError("closes before it opens")
        if spans and opens <= spans[-1].closes:
            spans[-1] = Span(spans[-1].opens, max(spans[-1].closes, closes))
        else:
            spans.append(Span(opens, closes))
    return tuple(spans)
