"""May a service give a number now? The checks of the service standard, in their order, in the site's zone."""

from datetime import date, datetime, time
from enum import StrEnum

from gerai.contracts.registry import CalendarChanged, Interval
from gerai.queue.domain.offering import Offering


class Availability(StrEnum):
    """In the order of the checks; the first that applies is the answer."""

    SERVICE_CLOSED = "service_closed"
    MANUAL_CLOSED = "manual_closed"
    HOLIDAY = "holiday"
    DATE_CLOSED = "date_closed"
    DAY_CLOSED = "day_closed"
    BREAK = "break"
    NOT_OPEN_YET = "not_open_yet"
    CUTOFF_PASSED = "cutoff_passed"
    QUOTA_REACHED = "quota_reached"
    AVAILABLE = "available"


def availability(offering: Offering, *, manually_closed: bool, issued: int, at: datetime) -> Availability:
    """Whether a number may be given at a moment. `issued`: numbers given on this local day so far."""
    if not offering.active:
        return Availability.SERVICE_CLOSED
    if manually_closed:
        return Availability.MANUAL_CLOSED
    if offering.calendar is None:
        return Availability.DAY_CLOSED
    closed = closed_by_calendar(offering.calendar, at.astimezone(offering.zone))
    if closed is not None:
        return closed
    quota = offering.service.daily_quota
    if quota is not None and issued >= quota:
        return Availability.QUOTA_REACHED
    return Availability.AVAILABLE


def closed_by_calendar(calendar: CalendarChanged, local: datetime) -> Availability | None:
    """Why the calendar says no at a local moment, or None."""
    today, now = local.date(), local.time().replace(microsecond=0, fold=0)
    if _is_holiday(calendar, today):
        return Availability.HOLIDAY
    override = next((one for one in calendar.overrides if one.date == today), None)
    if override is not None and not override.intervals:
        return Availability.DATE_CLOSED
    hours = override.intervals if override is not None else _week_hours(calendar, today)
    if not hours:
        return Availability.DAY_CLOSED
    opens, closes = _time(hours[0].opens), _time(hours[-1].closes)
    if opens <= now < closes and _in_break(calendar, hours, today, now):
        return Availability.BREAK
    if now < opens:
        return Availability.NOT_OPEN_YET
    if _minutes(now) >= _minutes(closes) - calendar.cutoff_minutes:
        return Availability.CUTOFF_PASSED
    return None


def _is_holiday(calendar: CalendarChanged, today: date) -> bool:
    return today not in calendar.force_open and any(one.date == today for one in calendar.holidays)


def _week_hours(calendar: CalendarChanged, today: date) -> tuple[Interval, ...]:
    return next((day.intervals for day in calendar.week if day.weekday == today.weekday()), ())


def _in_break(calendar: CalendarChanged, hours: tuple[Interval, ...], today: date, now: time) -> bool:
    """A listed break, or the gap between two intervals of the day."""
    listed = any(
        today.weekday() in one.weekdays and _time(one.starts) <= now < _time(one.ends)
        for one in calendar.breaks
    )
    return listed or not any(_time(one.opens) <= now < _time(one.closes) for one in hours)


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _minutes(moment: time) -> float:
    return moment.hour * 60 + moment.minute + moment.second / 60
