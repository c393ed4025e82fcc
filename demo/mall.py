"""The cast of the day: the site with its counters, desks and services, as the example data state them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from demo.visitors import Offer

TUESDAY, WEDNESDAY = 1, 2
OPENS = time(8, 0)
CLOSES = time(15, 30)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where one officer works."""

    id: str
    name: str
    counter_id: str
    service_ids: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Mall:
    """What the demo knows before the day begins."""

    site_id: str
    zone: ZoneInfo
    counters: Mapping[str, str]
    """Id → name, in the order of the data."""
    desks: tuple[Desk, ...]
    offers: tuple[Offer, ...]
    special_days: frozenset[date]
    """Holidays and days with other hours than usual."""

    def ordinary_day(self, after: date) -> date:
        """The next Tuesday or Wednesday on which every counter is open as usual."""
        day = after + timedelta(days=1)
        while day.weekday() not in (TUESDAY, WEDNESDAY) or day in self.special_days:
            day += timedelta(days=1)
        return day

    def at(self, day: date, local: time) -> datetime:
        """A local wall time of the site as an instant."""
        return datetime.combine(day, local, self.zone).astimezone(UTC)


def read_mall(file: Path) -> Mall:
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    (site,) = data["sites"]
    desks = tuple(
        Desk(
            id=row["id"],
            name=row["name"],
            counter_id=row["counter_id"],
            service_ids=frozenset(row["service_ids"]),
        )
        for row in data["desks"]
    )
    offers = tuple(
        Offer(
            service_id=row["id"],
            counter_id=row["counter_id"],
            desks=sum(row["id"] in desk.service_ids for desk in desks),
        )
        for row in data["services"]
    )
    special = {
        date.fromisoformat(row["date"])
        for calendar in data["calendars"]
        for row in (*calendar["holidays"], *calendar.get("overrides", ()))
    }
    return Mall(
        site_id=site["id"],
        zone=ZoneInfo(site["zone"]),
        counters={row["id"]: row["name"] for row in data["counters"]},
        desks=desks,
        offers=tuple(offer for offer in offers if offer.desks),
        special_days=frozenset(special),
    )
