"""The one rule about the days of a calendar. Opening hours and working days both ask it, so they cannot disagree."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from gerai.contracts.registry import HolidayKind
from gerai.register.calendar import Calendar
from gerai.register.local_time import Span

DAYS_KEPT = 512


class DayReason(StrEnum):
    """Why a local day is as it is."""

    WORKING_DAY = "working_day"
    WEEKEND = "weekend"
    """The week has no hours for this weekday."""
    HOLIDAY = "holiday"
    JOINT_LEAVE = "joint_leave"
    DATE_CLOSED = "date_closed"
    """An override closes the date."""
    DATE_OPENED = "date_opened"
    """An override gives hours to a date whose weekday has none."""
    FORCED_OPEN = "forced_open"
    """A holiday on which the owner works all the same."""


_OF_HOLIDAYS = {
    HolidayKind.NATIONAL: DayReason.HOLIDAY,
    HolidayKind.JOINT_LEAVE: DayReason.JOINT_LEAVE,
}


class Day(NamedTuple):
    """One local day of an owner."""

    reason: DayReason
    name: str = ""
    """Of the holiday, or why the date differs from its week; as the registrar wrote it."""
    hours: tuple[Span, ...] = ()
    """In order and apart; none: closed."""
    breaks: tuple[Span, ...] = ()


class OpenDay(NamedTuple):
    """A day, with when numbers are given on it: in its hours but for the breaks, until the cutoff."""

    day: Day
    gives: tuple[Span, ...]


class Schedule:
    """An owner's calendar under the holidays of its site.

    `own` is the most specific calendar there is; `site` is the site's, where that is another one. Of the site's nothing
    but its holidays holds beside `own`, and the own `force_open` beats a holiday of either.
    """

    def __init__(self, own: Calendar, site: Calendar | None = None) -> None:
        self.own = own
        self.site = site if site is not None else own
        self._days: dict[date, OpenDay] = {}

    @property
    def version(self) -> str:
        """Another one whenever a calendar that it is made of has changed: "counter:samsat@3 site:muna-barat-mpp@7"."""
        parts = [self.own] if self.site is self.own else [self.own, self.site]
        return " ".join(f"{calendar.id}@{calendar.version}" for calendar in parts)

    def open_day(self, day: date) -> OpenDay:
        """Remembered: requests ask for the same few days."""
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= DAYS_KEPT:
                self._days.clear()
            found = self.day(day)
            known = self._days[day] = OpenDay(found, tuple(_giving(found, self.own.cutoff_minutes)))
        return known

    def day(self, day: date) -> Day:
        """The rule."""
        own, weekday = self.own, day.weekday()
        holiday = own.holidays.get(day) or self.site.holidays.get(day)
        if holiday is not None and day not in own.force_open:
            return Day(_OF_HOLIDAYS[holiday.kind], holiday.name)
        week = own.week_of(day)
        usual = hours = week.hours[weekday]
        special = own.special_hours.get(day)
        if special is not None:
            if not special.hours:
                return Day(DayReason.DATE_CLOSED, special.reason)
            hours = special.hours
        if not hours:
            return Day(DayReason.WEEKEND)
        reason, name = DayReason.WORKING_DAY, special.reason if special is not None else ""
        if holiday is not None:
            reason, name = DayReason.FORCED_OPEN, holiday.name
        elif not usual:
            reason = DayReason.DATE_OPENED
        return Day(reason, name, hours, week.breaks[weekday])

    def is_decreed(self, year: int) -> bool:
        """Whether the table of holidays, which comes with the site's calendar, says anything about the year. Where it
        doesn't, the year's holidays are not known yet."""
        return year in self.site.decreed_years


def _giving(day: Day, cutoff: int) -> Iterator[Span]:
    """The cutoff counts from the day's last closing alone."""
    for span in day.hours:
        opens, ends = span.opens, min(span.closes, day.hours[-1].closes - cutoff)
        for pause in day.breaks:
            if opens < ends and pause.closes > opens and pause.opens < ends:
                if opens < pause.opens:
                    yield Span(opens, pause.opens)
                opens = max(opens, pause.closes)
        if opens < ends:
            yield Span(opens, ends)


def pause_at(day: Day, minute: int) -> bool:
    """Whether nobody is served then, though it is after the first opening and before the last closing: in a break, or
    between two of the day's hours."""
    return any(pause.opens <= minute < pause.closes for pause in day.breaks) or any(
        earlier.closes <= minute < later.opens for earlier, later in pairwise(day.hours)
    )
