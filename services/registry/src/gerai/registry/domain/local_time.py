"""Time zones, times of a day and days of the week, as people type them."""

from functools import cache
from typing import Annotated, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(zone: str) -> str:
    if zone not in _zones():
        raise PydanticCustomError(
            "unknown_zone",
            "{zone} is not a time zone of the IANA list, such as Asia/Makassar.",
            {"zone": zone},
        )
    return zone


Zone: TypeAlias = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
LocalTime: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day in the site's zone, "08:00"."""

Weekday: TypeAlias = Annotated[int, Field(ge=0, le=6)]
"""0 is Monday, as in Python's `date.weekday()`."""
