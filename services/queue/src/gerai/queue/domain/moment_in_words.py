"""When it opens again, as a person says it."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from gerai.messaging.refusal import LocalizedText, Term
from gerai.queue.domain.announcement import MONTHS
from gerai.register.opening_hours import DAYS_AHEAD

DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
ENGLISH_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ENGLISH_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
NOT_SOON = Term(
    "",
    LocalizedText(
        f"belum dijadwalkan dalam {DAYS_AHEAD} hari ke depan", f"not within the next {DAYS_AHEAD} days"
    ),
)
AFTER_TODAY = Term("", LocalizedText("setelah hari ini", "after today"))
"""Where nobody has asked the calendar."""


def moment_in_words(moment: datetime | None, *, at: datetime, zone: ZoneInfo) -> Term:
    """Seen from `at`: "pukul 13:00", or "Senin 30 November 2026 pukul 08:00". Programs read the instant, as RFC 3339."""
    if moment is None:
        return NOT_SOON
    local, today = moment.astimezone(zone), at.astimezone(zone).date()
    localized = LocalizedText(f"pukul {local:%H:%M}", f"at {local:%H:%M}")
    if local.date() != today:
        indonesian, english = _dates(local.date())
        localized = LocalizedText(f"{indonesian} {localized.id}", f"{english} {localized.en}")
    return Term(moment.astimezone(UTC).isoformat().replace("+00:00", "Z"), localized)


def _dates(day: date) -> tuple[str, str]:
    weekday, month = day.weekday(), day.month - 1
    return (
        f"{DAYS[weekday]} {day.day} {MONTHS[month]} {day.year}",
        f"on {ENGLISH_DAYS[weekday]} {day.day} {ENGLISH_MONTHS[month]} {day.year}",
    )
