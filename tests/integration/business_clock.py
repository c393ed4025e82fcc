"""The platform's simulated clock: ten times as fast, and always within opening hours."""

from datetime import UTC, datetime

BUSINESS_DAY = datetime.fromisoformat("2026-11-25T01:00:00+00:00")
"""A Wednesday, nine o'clock in Makassar."""
SPEED = 10
_BEGUN = datetime.now(UTC)


def settings() -> dict[str, str]:
    """The clock, for the environment of every process."""
    return {
        "GERAI_CLOCK_ANCHOR_REAL": _BEGUN.isoformat(),
        "GERAI_CLOCK_ANCHOR_BUSINESS": BUSINESS_DAY.isoformat(),
        "GERAI_CLOCK_SPEED": str(SPEED),
    }


def business_time() -> datetime:
    """What the platform's clocks say."""
    return BUSINESS_DAY + (datetime.now(UTC) - _BEGUN) * SPEED
