"""The national identity number (NIK): read with its rules, shown masked.

`PPKKSS DDMMYY XXXX`: place of first registration, date of birth (women: day + 40), serial. There is no check digit.
It is personal data (UU PDP 27/2022): it never travels in an event, a key, an
address, a log line or a trace: keep it in an encrypted field.
"""

import re
from datetime import date
from typing import Any, ClassVar, Self

from pydantic_core import CoreSchema, core_schema

from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind

SEPARATORS = re.compile(r"[\s.\-]")
DIGITS = re.compile(r"[0-9]{16}")
FIRST_PROVINCE = 11
WOMEN_ADD = 40
CENTURIES = (1900, 2000)


class UnableToReadNik(Refusal):
    """What was given is no NIK. Its details hold nothing of it."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "nik_length": LocalizedText("NIK terdiri dari 16 angka.", "A NIK has 16 digits."),
        "nik_place": LocalizedText(
            "Enam angka pertama NIK bukan kode wilayah.", "The first six digits of the NIK are no place."
        ),
        "nik_birth": LocalizedText(
            "Tanggal lahir di dalam NIK tidak ada.", "The date of birth in the NIK does not exist."
        ),
        "nik_serial": LocalizedText(
            "Empat angka terakhir NIK tidak boleh 0000.", "The last four digits of a NIK are not 0000."
        ),
    }


class Nik(str):
    """Sixteen digits that can be a NIK; whether somebody has it is known to the civil register alone. `str(nik)` is all of
    it; what shows itself in logs and tracebacks is masked."""

    __slots__ = ()

    def __new__(cls, digits: str) -> Self:
        """Raises UnableToReadNik."""
        plain = SEPARATORS.sub("", digits)
        if not DIGITS.fullmatch(plain):
            raise UnableToReadNik("nik_length", field="nik")
        if int(plain[:2]) < FIRST_PROVINCE or plain[2:4] == "00" or plain[4:6] == "00":
            raise UnableToReadNik("nik_place", field="nik")
        if not _is_a_birth(int(plain[6:8]), int(plain[8:10]), int(plain[10:12])):
            raise UnableToReadNik("nik_birth", field="nik")
        if plain[12:] == "0000":
            raise UnableToReadNik("nik_serial", field="nik")
        return super().__new__(cls, plain)

    @property
    def masked(self) -> str:
        """As it is shown: 7413********0001."""
        return masked(self)

    def __repr__(self) -> str:
        return f"Nik({self.masked})"

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> CoreSchema:
        return core_schema.is_instance_schema(cls, serialization=core_schema.to_string_ser_schema())


def masked(text: str, *, shown: int = 4) -> str:
    """The first and the last so many characters. A short text is masked whole."""
    hidden = len(text) - 2 * shown
    return text[:shown] + "*" * hidden + text[-shown:] if hidden >= shown else "*" * len(text)


def _is_a_birth(day: int, month: int, year: int) -> bool:
    day = day - WOMEN_ADD if day > WOMEN_ADD else day
    for century in CENTURIES:
        try:
            date(century + year, month, day)
        except ValueError:
            continue
        return True
    return False
