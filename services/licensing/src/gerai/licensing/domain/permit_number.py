"""Numbers as offices write them: "503/00417/29/SIPD/XI/DPMPTSP/2026"."""

import re
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_PART = re.compile(r"\{([a-z_]+)(?::(0?)(\d{1,2}))?\}")
_PLAIN = re.compile(r"[A-Za-z0-9./\- ]*")
PARTS = ("counter", "roman_month", "month", "day", "year")
"""What a format may hold in braces; `{counter:05}` pads with zeros. All else stands as it is."""


class Restart(StrEnum):
    """When the counter begins again at 1."""

    YEARLY = "yearly"
    NEVER = "never"


class NumberFormat(BaseModel):
    """How the numbers of a permit type, or of bills, look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: str = Field(max_length=100)
    """ "503/{counter:05}/29/SIPD/{roman_month}/DPMPTSP/{year}"."""
    restart: Restart = Restart.YEARLY

    def faults(self) -> list[str]:
        """Codes of what is wrong with the format; none: numbers made with it are unique within a series."""
        parts = [found[1] for found in _PART.finditer(self.form)]
        found = []
        if parts.count("counter") != 1:
            found.append("number_without_counter")
        if any(part not in PARTS for part in parts):
            found.append("number_part_unknown")
        if not _PLAIN.fullmatch(_PART.sub("", self.form)):
            found.append("number_sign_not_allowed")
        if self.restart is Restart.YEARLY and "year" not in parts:
            found.append("number_repeats_every_year")
        return found

    def series(self, day: date) -> str:
        """Which counter a number of that day comes from: "2026", or "all"."""
        return str(day.year) if self.restart is Restart.YEARLY else "all"

    def number(self, counter: int, day: date) -> str:
        values = {
            "counter": str(counter),
            "roman_month": ROMAN[day.month - 1],
            "month": f"{day.month:02}",
            "day": f"{day.day:02}",
            "year": str(day.year),
        }
        return _PART.sub(
            lambda part: values[part[1]].rjust(int(part[3] or 0), "0" if part[2] else " "), self.form
        )
