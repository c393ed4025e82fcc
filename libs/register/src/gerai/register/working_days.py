"""Which local days are working days, and why: what legal deadlines are counted in."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.register.schedule import DayReason, Schedule

LONGEST_YEARS = 60
"""Years that one question may reach over: a bound, far beyond any deadline."""


class UnableToFindWorkingDay(Refusal):
    """The calendar has no such day."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "too_few_working_days": LocalizedText(
            "Kalender ini tidak memiliki cukup hari kerja dalam {years} tahun.",
            "This calendar does not have so many working days within {years} years.",
        ),
        "too_many_years": LocalizedText(
            "Rentang tanggal lebih dari {years} tahun.", "The dates are more than {years} years apart."
        ),
    }


@dataclass(frozen=True, slots=True)
class DayKind:
    """What a local day is, and why."""

    day: date
    works: bool
    reason: DayReason
    name: LocalizedText | None
    """Of the holiday, or why the date differs from its week; as the registrar wrote it, in the same words twice."""
    is_decreed: bool
    """False: the table of holidays does not reach this year yet. Weekends and overrides count as they stand, and a
    holiday may still come."""


class WorkingDays:
    """The working days of one institution at one site. A day works when the institution has hours on it: `Schedule`
    says so, as it does for opening hours."""

    def __init__(self, schedule: Schedule, zone: ZoneInfo) -> None:
        self._schedule = schedule
        self._years: dict[int, array[int]] = {}
        self.zone = zone
        """In which an instant is on a day."""
        self.version = f"{schedule.version} {zone.key}"
        """Another one whenever an answer may be another; the same in every process."""

    def on(self, day: date) -> DayKind:
        found = self._schedule.day(day)
        name = LocalizedText(found.name, found.name) if found.name else None
        return DayKind(day, bool(found.hours), found.reason, name, self._schedule.is_decreed(day.year))

    def count(self, first: date, last: date) -> int:
        """Working days in [first, last]; 0 where `last` is before `first`. Raises UnableToFindWorkingDay where they are
        more than 60 years apart."""
        if last.year - first.year > LONGEST_YEARS:
            raise UnableToFindWorkingDay("too_many_years", years=LONGEST_YEARS)
        if last < first:
            return 0
        whole = sum(len(self._of_year(year)) for year in range(first.year, last.year))
        before = bisect_left(self._of_year(first.year), first.toordinal())
        return whole - before + bisect_right(self._of_year(last.year), last.toordinal())

    def nth_from(self, first: date, n: int) -> date:
        """The n-th working day, `first` counting as number 1 if it works. Raises UnableToFindWorkingDay where the
        calendar has not that many within 60 years, and ValueError for an `n` below 1."""
        if n < 1:
            raise ValueError("working days are counted from 1")
        index = n - 1 + bisect_left(self._of_year(first.year), first.toordinal())
        for year in range(first.year, min(first.year + LONGEST_YEARS, date.max.year) + 1):
            days = self._of_year(year)
            if index < len(days):
                return date.fromordinal(days[index])
            index -= len(days)
        raise UnableToFindWorkingDay("too_few_working_days", years=LONGEST_YEARS)

    def undecreed_years(self, first: date, last: date) -> tuple[int, ...]:
        """The years of [first, last] whose holidays are not known yet: a deadline that reaches into one may move."""
        return tuple(year for year in range(first.year, last.year + 1) if not self._schedule.is_decreed(year))

    def _of_year(self, year: int) -> "array[int]":
        """The year's working days as ordinals, in order."""
        known = self._years.get(year)
        if known is None:
            if len(self._years) > LONGEST_YEARS:
                self._years.clear()
            days = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
            kind_of = self._schedule.day
            known = array("i", (day for day in days if kind_of(date.fromordinal(day)).hours))
            self._years[year] = known
        return known
