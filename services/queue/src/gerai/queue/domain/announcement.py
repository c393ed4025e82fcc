"""What the loudspeaker says, as people read numbers out in Indonesian."""

import re
from datetime import date

DIGITS = ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
MONTHS = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)


def announcement(number: str, desk: str, *, other_day: str | None = None) -> str:
    """("A-012", "Loket 3") → "Nomor antrean A nol satu dua, silakan menuju loket tiga".

    `other_day`: the day of a number that is not today's; somebody else may hold the same number of today.
    """
    dated = f", tanggal {day_in_words(date.fromisoformat(other_day))}" if other_day is not None else ""
    return f"Nomor antrean {spelled(number)}{dated}, silakan menuju {spoken(desk)}"


def day_in_words(day: date) -> str:
    """24 November → "dua puluh empat November"."""
    return f"{in_words(str(day.day))} {MONTHS[day.month - 1]}"


def spelled(number: str) -> str:
    """Letters and digits one by one, so that nobody mishears them."""
    return " ".join(DIGITS[int(sign)] if sign.isdecimal() else sign for sign in number if sign.isalnum())


def spoken(desk: str) -> str:
    """The desk's name in lower case, its numbers as words."""
    return re.sub(r"[0-9]+", lambda found: in_words(found.group()), desk).lower()


def in_words(digits: str) -> str:
    """Up to 999 as a number; anything longer, or with leading zeros, digit by digit."""
    if len(digits) > 3 or (digits.startswith("0") and digits != "0"):
        return " ".join(DIGITS[int(digit)] for digit in digits)
    return _below_thousand(int(digits))


def _below_thousand(value: int) -> str:
    if value < 10:
        return DIGITS[value]
    if value < 100:
        return _below_hundred(value)
    hundreds, rest = divmod(value, 100)
    head = "seratus" if hundreds == 1 else f"{DIGITS[hundreds]} ratus"
    return f"{head} {_below_thousand(rest)}" if rest else head


def _below_hundred(value: int) -> str:
    if value == 10:
        return "sepuluh"
    if value == 11:
        return "sebelas"
    if value < 20:
        return f"{DIGITS[value - 10]} belas"
    tens, ones = divmod(value, 10)
    return f"{DIGITS[tens]} puluh {DIGITS[ones]}" if ones else f"{DIGITS[tens]} puluh"
