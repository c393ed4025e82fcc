"""Which days count for the clocks of an institution: its calendar's working days without declared outages."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Protocol
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from gerai.messaging.refusal import LocalizedText


class DayKind(Protocol):
    """What a calendar says of one day."""

    @property
    def day(self) -> date: ...
    @property
    def works(self) -> bool: ...
    @property
    def reason(self) -> str:
        """A code: why it works or not."""
        ...

    @property
    def name(self) -> LocalizedText | None:
        """As it is shown, of a holiday or an exception: "Hari Raya Nyepi"."""
        ...


class WorkingDays(Protocol):
    """The calendar of an institution as one object; another version is another object."""

    @property
    def version(self) -> str | int: ...
    @property
    def zone(self) -> ZoneInfo | str: ...
    def on(self, day: date) -> DayKind: ...
    def count(self, first: date, last: date) -> int:
        """Working days from `first` to `last`, both included."""
        ...

    def nth_from(self, first: date, n: int) -> date:
        """The n-th working day; `first` is number 1 if it works."""
        ...


class Outage(BaseModel):
    """Days on which, by decree, no clock of the regency counts: the platform or the building was out of service."""

    model_config = ConfigDict(frozen=True)

    decree: str
    """Its number, as on the paper."""
    first: date
    last: date

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last


class DayMark(StrEnum):
    """What a clock has noted for one day; a clock keeps one letter for each."""

    COUNTED = "c"
    GIVEN_BACK = "g"
    """It was counted, and a decree that came later gives it back: the deadline is a day later for it."""
    RESTS = "r"
    """The institution does not work on this day of the week."""
    HOLIDAY = "h"
    """A holiday, joint leave, or a date on which the institution is closed."""
    OUTAGE = "o"
    PAUSED = "p"
    """It would count, but the file was with the applicant."""


class Almanac:
    """A calendar together with the outages declared so far: what a day is for every clock alike.

    It remembers what it has answered, so one is made for a calendar and used for many cases.
    """

    def __init__(self, calendar: WorkingDays, outages: Iterable[Outage] = ()) -> None:
        self.calendar = calendar
        self.outages = tuple(outages)
        self.marks = _Marks(self)
        """The letter of a day, by `date.toordinal()`: counted, rests, holiday or outage."""

    @cached_property
    def zone(self) -> str:
        return str(self.calendar.zone)

    @property
    def version(self) -> str:
        """Another one after every change of the calendar and every declared outage."""
        return f"{self.calendar.version}/{len(self.outages)}"

    def mark(self, day: date) -> DayMark:
        kind = self.calendar.on(day)
        if not kind.works:
            return DayMark.HOLIDAY if kind.name else DayMark.RESTS
        return DayMark.OUTAGE if self.outage_on(day) else DayMark.COUNTED

    def outage_on(self, day: date) -> Outage | None:
        """The first that was declared, where several cover the day."""
        return next((outage for outage in self.outages if outage.covers(day)), None)

    def note(self, day: date) -> str:
        """What stands beside a holiday or an outage: its name, or the decree."""
        outage = self.outage_on(day)
        kind = self.calendar.on(day)
        if not kind.works:
            return kind.name.id if kind.name else kind.reason
        return outage.decree if outage else ""

    def day_of(self, at: datetime) -> date:
        return local_day(at, self.zone)


class _Marks(dict[int, str]):
    """Asked for every day of every clock: a dictionary that fills itself."""

    def __init__(self, almanac: Almanac) -> None:
        super().__init__()
        self._almanac = almanac

    def __missing__(self, ordinal: int) -> str:
        self[ordinal] = mark = self._almanac.mark(date.fromordinal(ordinal)).value
        return mark


def local_day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def start_of(day: date, zone: str) -> datetime:
    """The instant, UTC, at which a local day begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def day_after(day: date) -> date:
    return day + timedelta(days=1)
