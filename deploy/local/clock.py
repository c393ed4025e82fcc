"""Which time it is in the mall, and where the data of that time lie.

Real time is the usual one. A practice morning has open doors at any hour. Data of a simulated clock are kept apart: on
the next real day nobody wants numbers of a day that is yet to come.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local import seed
from local.failure import UnableToStart

MORNING = "morning"
ANCHORS = ("GERAI_CLOCK_ANCHOR_REAL", "GERAI_CLOCK_ANCHOR_BUSINESS")
"""Settings of the services; a developer may set them in the shell."""
_STARTS = time(8, 30)
_LOOKS_AHEAD = timedelta(days=60)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The clock of one platform."""

    profile: str
    """The folder of its data below `.gerai`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What tells it to every process; empty for real time, and where the shell tells it."""
    begins: datetime | None = None
    """A practice morning: when it begins, in the site's zone. Each start is a new one, without data."""


def chosen(name: str, *, now: datetime) -> Clock:
    """The clock of that name, as `make up CLOCK=…` says it; none: real time, or the anchors of the shell."""
    if name == MORNING:
        begins = next_morning(now, json.loads(seed.FILE.read_text(encoding="utf-8")))
        anchors = dict(zip(ANCHORS, (now.astimezone(UTC).isoformat(), begins.isoformat()), strict=True))
        return Clock(profile=MORNING, env=anchors, begins=begins)
    if name:
        raise UnableToStart(f"There is no CLOCK={name}: it is {MORNING}, or left out for real time.")
    return Clock(profile="anchored" if all(os.environ.get(key) for key in ANCHORS) else "up")


def next_morning(now: datetime, data: Mapping[str, Any]) -> datetime:
    """Half past eight on the site's next ordinary working day, today included, in the site's zone."""
    (site,) = data["sites"]
    zone = ZoneInfo(site["zone"])
    (calendar,) = (one for one in data["calendars"] if one["id"] == f"site:{site['id']}")
    special = {
        row["date"] for one in data["calendars"] for row in (*one["holidays"], *one.get("overrides", ()))
    }
    today = now.astimezone(zone).date()
    for ahead in range(_LOOKS_AHEAD.days):
        day = today + timedelta(days=ahead)
        if day.isoformat() not in special and _is_open(calendar, day):
            return datetime.combine(day, _STARTS, zone)
    raise UnableToStart(f"{seed.FILE.name} has no working day within {_LOOKS_AHEAD.days} days.")


def _is_open(calendar: Mapping[str, Any], day: date) -> bool:
    hours = (row["intervals"] for row in calendar["week"] if row["weekday"] == day.weekday())
    at = _STARTS.isoformat("minutes")
    return any(one["opens"] <= at < one["closes"] for intervals in hours for one in intervals)
