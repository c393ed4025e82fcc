"""A calendar for tests, as plain as one can be."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gerai.messaging.refusal import LocalizedText

ZONE = "Asia/Makassar"
DAY = timedelta(days=1)


class Kind(NamedTuple):
    day: date
    works: bool
    reason: str
    name: LocalizedText | None = None


class PlainCalendar:
    """A week and its holidays; satisfies `WorkingDays`."""

    zone = ZoneInfo(ZONE)

    def __init__(
        self,
        holidays: Mapping[date, str] | Iterable[date] = (),
        *,
        week: Iterable[int] = range(5),
        open_on: Iterable[date] = (),
        version: int = 1,
    ) -> None:
        self.holidays = (
            dict(holidays) if isinstance(holidays, Mapping) else dict.fromkeys(holidays, "Hari libur")
        )
        self.week = frozenset(week)
        self.open_on = frozenset(open_on)
        self.version = version

    def on(self, day: date) -> Kind:
        if day in self.open_on:
            return Kind(day, True, "forced")
        if day in self.holidays:
            name = self.holidays[day]
            return Kind(day, False, "holiday", LocalizedText(name, name))
        works = day.weekday() in self.week
        return Kind(day, works, "week" if works else "weekly_rest")

    def count(self, first: date, last: date) -> int:
        return sum(self.on(first + i * DAY).works for i in range((last - first).days + 1))

    def nth_from(self, first: date, n: int) -> date:
        day = first
        while True:
            n -= self.on(day).works
            if n == 0:
                return day
            day += DAY


def moment(text: str) -> datetime:
    """Local time of the site: "2026-11-24 09:00", or a day alone, at nine."""
    day, _, clock = text.partition(" ")
    return datetime.combine(
        date.fromisoformat(day), time.fromisoformat(clock or "09:00"), ZoneInfo(ZONE)
    ).astimezone(UTC)
