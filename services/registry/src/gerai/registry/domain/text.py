"""The text that people type: names, paragraphs, ids, local times. Refused here is refused everywhere."""

import unicodedata
from functools import cache
from typing import Annotated, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (the right-to-left overrides are here), surrogate, private and unassigned characters,
odd line ends: on a display, a printed ticket or in a log they can make text look like something else."""


def _visible(text: str) -> str:
    for position, character in enumerate(text):
        if character != "\n" and unicodedata.category(character) in UNSAFE_CATEGORIES:
            raise PydanticCustomError(
                "hidden_character",
                "The text has a control or hidden character at position {position}.",
                {"position": position + 1},
            )
    return text


def _one_line(text: str) -> str:
    if "\n" in text:
        raise PydanticCustomError("line_break", "The text must be on one line.")
    return text


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


Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""An id that people can read, stable for ever: "muna-barat-mpp". Every service takes it in its addresses."""

Name: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=160),
    AfterValidator(_visible),
    AfterValidator(_one_line),
]
Prose: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(_visible)
]
"""May be empty, may have several lines."""

Zone: TypeAlias = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
LocalTime: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day in the site's zone, "08:00"."""

Weekday: TypeAlias = Annotated[int, Field(ge=0, le=6)]
"""0 is Monday, as in Python's `date.weekday()`."""
