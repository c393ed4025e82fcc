"""When a service gives tickets: the checks of issuing in their fixed order, in the site's own time."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gerai.contracts.registry import CalendarChanged, Interval


class Code(StrEnum):
    """In the order in which they are checked; the first that applies is the answer."""

    SERVICE_CLOSED = "service_closed"
    MANUAL_CLOSED = "manual_closed"
    HOLIDAY = "holiday"
    DATE_CLOSED = "date_closed"
    DAY_CLOSED = "day_closed"
    BREAK = "break"
    NOT_OPEN_YET = "not_open_yet"
    CUTOFF_PASSED = "cutoff_passed"
    QUOTA_REACHED = "quota_reached"
    NUMBERS_USED_UP = "numbers_used_up"
    PREFIX_IN_USE = "prefix_in_use"
    AVAILABLE = "available"


class Opening(NamedTuple):
    """The answer, with what a sentence about it needs."""

    code: Code
    why: str = ""
    opens: str = ""
    until: str = ""


class Span(NamedTuple):
    """From `opens` until just before `closes`, in minutes of the local day."""

    opens: int
    closes: int


class Pause(NamedTuple):
    weekdays: frozenset[int]
    span: Span


AVAILABLE = Opening(Code.AVAILABLE)


class OpeningHours:
    """A calendar, made ready to be asked often. `shared`: the site's, whose holidays hold here too."""

    def __init__(self, calendar: CalendarChanged, shared: CalendarChanged | None = None) -> None:
        self._week = {day.weekday: _spans(day.intervals) for day in calendar.week}
        self._pauses = tuple(
            Pause(frozenset(one.weekdays), Span(_minutes(one.starts), _minutes(one.ends)))
            for one in calendar.breaks
        )
        theirs = shared.holidays if shared is not None else ()
        self._holidays = {holiday.date: holiday.name for holiday in (*theirs, *calendar.holidays)}
        self._overrides = {one.date: (_spans(one.intervals), one.reason) for one in calendar.overrides}
        self._force_open = frozenset(calendar.force_open)
        self._cutoff = calendar.cutoff_minutes

    def at(self, local: datetime) -> Opening:
        """What the calendar says at a local time: holiday … cutoff_passed, or available."""
        day = local.date()
        if day in self._holidays and day not in self._force_open:
            return Opening(Code.HOLIDAY, why=self._holidays[day])
        if day in self._overrides and not self._overrides[day][0]:
            return Opening(Code.DATE_CLOSED, why=self._overrides[day][1])
        spans = self.spans_of(day)
        if not spans:
            return Opening(Code.DAY_CLOSED)
        return self._within(spans, day, local.hour * 60 + local.minute)

    def _within(self, spans: tuple[Span, ...], day: date, minute: int) -> Opening:
        first, last = spans[0].opens, spans[-1].closes
        if first <= minute < last and (pause := self._pause(spans, day, minute)) is not None:
            return Opening(Code.BREAK, opens=_text(pause.closes))
        if minute < first:
            return Opening(Code.NOT_OPEN_YET, opens=_text(first))
        if minute >= last - self._cutoff:
            return Opening(Code.CUTOFF_PASSED, until=_text(max(first, last - self._cutoff)))
        return AVAILABLE

    def _pause(self, spans: tuple[Span, ...], day: date, minute: int) -> Span | None:
        """A break, or the time between two intervals of the day, which is one too."""
        for weekdays, span in self._pauses:
            if day.weekday() in weekdays and span.opens <= minute < span.closes:
                return span
        for earlier, later in pairwise(spans):
            if earlier.closes <= minute < later.opens:
                return Span(earlier.closes, later.opens)
        return None

    def spans_of(self, day: date) -> tuple[Span, ...]:
        """The opening hours of a date, without regard to holidays."""
        if day in self._overrides:
            return self._overrides[day][0]
        return self._week.get(day.weekday(), ())

    def closes_at(self, day: date, zone: ZoneInfo) -> datetime | None:
        """The last closing of a date in UTC; None where it is closed all day."""
        spans = self.spans_of(day)
        if not spans or (day in self._holidays and day not in self._force_open):
            return None
        return instant(day, spans[-1].closes, zone)


def opening(
    hours: OpeningHours | None,
    *,
    active: bool,
    manually_closed: bool,
    issued: int,
    quota: int | None,
    last: int | None = None,
    prefix_free: bool = True,
    at: datetime,
    zone: ZoneInfo,
) -> Opening:
    """The first check that fails, or available. `last`: the end of the numbers; None: there is none."""
    if not active:
        return Opening(Code.SERVICE_CLOSED)
    if manually_closed:
        return Opening(Code.MANUAL_CLOSED)
    said = hours.at(at.astimezone(zone)) if hours is not None else Opening(Code.DAY_CLOSED)
    if said.code is not Code.AVAILABLE:
        return said
    if quota is not None and issued >= quota:
        return Opening(Code.QUOTA_REACHED)
    if last is not None and issued >= last:
        return Opening(Code.NUMBERS_USED_UP)
    if not prefix_free:
        return Opening(Code.PREFIX_IN_USE)
    return AVAILABLE


def local_day(at: datetime, zone: ZoneInfo) -> str:
    """The site's own date: at 17:00 UTC it is already tomorrow in Makassar."""
    return at.astimezone(zone).date().isoformat()


def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """The end of a local day, in UTC."""
    return instant(day + timedelta(days=1), 0, zone)


def instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A local wall time in UTC. One that the clocks skip is taken as they stood before."""
    if minute >= 24 * 60:
        day, minute = day + timedelta(days=1), minute - 24 * 60
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone).astimezone(UTC)


def _spans(intervals: tuple[Interval, ...]) -> tuple[Span, ...]:
    return tuple(sorted(Span(_minutes(one.opens), _minutes(one.closes)) for one in intervals))


def _minutes(text: str) -> int:
    """Raises ValueError for what is no time of a day; 24:00 is its end."""
    hours, minutes = (int(part) for part in text.split(":"))
    if not (0 <= hours <= 24 and 0 <= minutes < 60 and hours * 60 + minutes <= 24 * 60):
        raise ValueError(f"no time of a day: {text!r}")
    return hours * 60 + minutes


def _text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
