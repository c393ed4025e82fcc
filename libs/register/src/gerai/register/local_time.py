"""Times of a local day: in minutes, as text, and as instants."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTES_OF_DAY = 24 * 60


class Span(NamedTuple):
    """From `opens` until just before `closes`, in minutes of the local day."""

    opens: int
    closes: int


def local_day(at: datetime, zone: ZoneInfo) -> str:
    """The date on the wall, as text: at 17:00 UTC it is already tomorrow in Makassar."""
    return at.astimezone(zone).date().isoformat()


def instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """A local wall time in UTC. One that the clocks skip is taken as they stood before."""
    if minute >= MINUTES_OF_DAY:
        day, minute = day + timedelta(days=1), minute - MINUTES_OF_DAY
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone).astimezone(UTC)


def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """The end of a local day, in UTC."""
    return instant(day + timedelta(days=1), 0, zone)


def minutes_of(text: str) -> int:
    """Raises ValueError for what is no time of a day; 24:00 is its end."""
    hours, minutes = (int(part) for part in text.split(":"))
    if not (0 <= hours <= 24 and 0 <= minutes < 60 and hours * 60 + minutes <= MINUTES_OF_DAY):
        raise ValueError(f"no time of a day: {text!r}")
    return hours * 60 + minutes


def text_of(minute: int) -> str:
    """Minutes of the day as HH:MM."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
