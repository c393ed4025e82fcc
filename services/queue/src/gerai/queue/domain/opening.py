"""Whether a service gives a number now, and if not, when next: the checks of issuing in their fixed order."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from gerai.register.local_time import midnight_after
from gerai.register.opening_hours import OpeningCode, OpeningHours


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
    until: str = ""
    opens: str = ""
    """`opens_at` in the site's time: "13:00", or "2026-11-30 08:00" on another day."""
    opens_at: datetime | None = None
    """When the service gives numbers again, if nothing changes until then. None: not within `DAYS_AHEAD` days."""


AVAILABLE = Opening(Code.AVAILABLE)


def opening(
    hours: OpeningHours | None,
    *,
    manually_closed: bool,
    issued: int,
    quota: int | None,
    last: int | None = None,
    prefix_free: bool = True,
    at: datetime,
) -> Opening:
    """The first check that fails, or available. `last`: the end of the numbers; None: there is none."""
    said = _said_by_calendar(hours, at)
    of_the_day = _ends_with_the_day(
        manually_closed=manually_closed, issued=issued, quota=quota, last=last, prefix_free=prefix_free
    )
    if of_the_day is None and said.code is Code.AVAILABLE:
        return AVAILABLE
    first = said
    if of_the_day is Code.MANUAL_CLOSED or (of_the_day is not None and said.code is Code.AVAILABLE):
        first = Opening(of_the_day)
    return first if hours is None else _promise(first, hours, at=at, next_day=of_the_day is not None)


def _promise(closed: Opening, hours: OpeningHours, *, at: datetime, next_day: bool) -> Opening:
    """With when it opens again; `next_day`: not before the next local day."""
    today = at.astimezone(hours.zone).date()
    opens_at = hours.next_open(midnight_after(today, hours.zone) if next_day else at)
    if opens_at is None:
        return closed
    local = opens_at.astimezone(hours.zone)
    opens = f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"
    return closed._replace(opens=opens, opens_at=opens_at)


def _said_by_calendar(hours: OpeningHours | None, at: datetime) -> Opening:
    if hours is None:
        return Opening(Code.DAY_CLOSED)
    said = hours.at(at)
    if said.code is OpeningCode.OPEN:
        return AVAILABLE
    return Opening(Code(said.code.value), why=said.why, until=said.until)


def _ends_with_the_day(
    *, manually_closed: bool, issued: int, quota: int | None, last: int | None, prefix_free: bool
) -> Code | None:
    """What keeps the service from giving numbers until its next local day, whatever the calendar says."""
    if manually_closed:
        return Code.MANUAL_CLOSED
    if quota is not None and issued >= quota:
        return Code.QUOTA_REACHED
    if last is not None and issued >= last:
        return Code.NUMBERS_USED_UP
    return None if prefix_free else Code.PREFIX_IN_USE
