"""Open at this instant? If not, when next? Both from the same rule, in the site's own time."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gerai.register.local_time import instant, midnight_after, text_of
from gerai.register.schedule import DayReason, Schedule, pause_at

DAYS_AHEAD = 60
"""How far ahead the next opening is looked for; the longest run of holidays and joint leave is two weeks."""
A_MINUTE = timedelta(minutes=1)
NEVER = datetime.max.replace(tzinfo=UTC)


class OpeningCode(StrEnum):
    """In the order in which they are checked; the first that applies is the answer."""

    HOLIDAY = "holiday"
    DATE_CLOSED = "date_closed"
    DAY_CLOSED = "day_closed"
    BREAK = "break"
    NOT_OPEN_YET = "not_open_yet"
    CUTOFF_PASSED = "cutoff_passed"
    OPEN = "open"


class Opening(NamedTuple):
    """The answer, with what a sentence about it needs."""

    code: OpeningCode
    why: str = ""
    """Of a date: as the registrar wrote it."""
    until: str = ""
    """With CUTOFF_PASSED: since when, HH:MM."""


OPEN = Opening(OpeningCode.OPEN)
_OF_DAYS = {
    DayReason.HOLIDAY: OpeningCode.HOLIDAY,
    DayReason.JOINT_LEAVE: OpeningCode.HOLIDAY,
    DayReason.DATE_CLOSED: OpeningCode.DATE_CLOSED,
    DayReason.WEEKEND: OpeningCode.DAY_CLOSED,
}


class OpeningHours:
    """When one owner gives numbers."""

    def __init__(self, schedule: Schedule, zone: ZoneInfo) -> None:
        self.schedule = schedule
        self.zone = zone
        self._found = (NEVER, NEVER)
        """Asked from, and the opening found: the answer for every instant between the two."""

    def at(self, at: datetime) -> Opening:
        """What holds at an instant."""
        local = at.astimezone(self.zone)
        day, gives = self.schedule.open_day(local.date())
        if not day.hours:
            return Opening(_OF_DAYS[day.reason], why=day.name)
        minute = local.hour * 60 + local.minute
        if any(span.opens <= minute < span.closes for span in gives):
            return OPEN
        first, last = day.hours[0].opens, day.hours[-1].closes
        if first <= minute < last and pause_at(day, minute):
            return Opening(OpeningCode.BREAK)
        if minute < first:
            return Opening(OpeningCode.NOT_OPEN_YET)
        ended = max(first, last - self.schedule.own.cutoff_minutes)
        return Opening(OpeningCode.CUTOFF_PASSED, until=text_of(ended))

    def next_open(self, at: datetime, *, days_ahead: int = DAYS_AHEAD) -> datetime | None:
        """The first instant from `at` on at which `at()` says OPEN, in UTC; `at` itself where it does then. None: not
        on this local day and none of the `days_ahead` after it."""
        asked, opens = self._found
        if asked <= at <= opens and days_ahead == DAYS_AHEAD:
            return opens
        found = self._look_for_opening(at, days_ahead)
        if found is not None:
            self._found = (at, found)
        return found

    def _look_for_opening(self, at: datetime, days_ahead: int) -> datetime | None:
        first = at.astimezone(self.zone).date()
        days = (first + timedelta(days=ahead) for ahead in range(days_ahead + 1))
        found = (self._first_open(day, not_before=at.astimezone(UTC)) for day in days)
        return next((opens for opens in found if opens is not None), None)

    def closes_at(self, day: date) -> datetime | None:
        """The last closing of a local day in UTC; None where it is closed all day."""
        hours = self.schedule.day(day).hours
        return instant(day, hours[-1].closes, self.zone) if hours else None

    def _first_open(self, day: date, *, not_before: datetime) -> datetime | None:
        gives = self.schedule.open_day(day).gives
        if not gives:
            return None
        if self._clocks_change_on(day):
            return self._first_open_minute(day, not_before)
        for span in gives:
            if instant(day, span.closes, self.zone) > not_before:
                return max(not_before, instant(day, span.opens, self.zone))
        return None

    def _clocks_change_on(self, day: date) -> bool:
        midnights = instant(day, 0, self.zone), midnight_after(day, self.zone)
        return midnights[1] - midnights[0] != timedelta(days=1)

    def _first_open_minute(self, day: date, not_before: datetime) -> datetime | None:
        """A wall time may come twice on such a day, or not at all: every minute is looked at."""
        ends = midnight_after(day, self.zone)
        moment = max(not_before, instant(day, 0, self.zone))
        while moment < ends:
            if self.at(moment).code is OpeningCode.OPEN:
                return moment
            moment = moment.replace(second=0, microsecond=0) + A_MINUTE
        return None
