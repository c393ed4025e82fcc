"""Quiet hours follow the site's own clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerai.notification.domain.quiet_hours import QuietHours

MAKASSAR = ZoneInfo("Asia/Makassar")
NIGHT = QuietHours(begins=time(20), ends=time(6), zone=MAKASSAR)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MAKASSAR)


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-11-28T19:59:59", None),
        ("2026-11-28T20:00:00", "2026-11-29T06:00:00"),
        ("2026-11-28T23:59:59", "2026-11-29T06:00:00"),
        ("2026-11-29T00:00:00", "2026-11-29T06:00:00"),
        ("2026-11-29T05:59:59", "2026-11-29T06:00:00"),
        ("2026-11-29T06:00:00", None),
        ("2026-12-31T22:00:00", "2027-01-01T06:00:00"),
    ],
)
def test_the_night_belongs_to_two_days(at: str, ends: str | None):
    assert NIGHT.end_after(local(at)) == (local(ends) if ends else None)


def test_it_is_the_sites_night_and_not_utcs():
    """20:30 in Makassar is 12:30 UTC, and 20:30 UTC is 04:30 in Makassar."""
    assert NIGHT.end_after(datetime(2026, 11, 28, 12, 30, tzinfo=UTC)) == local("2026-11-29T06:00:00")
    assert NIGHT.end_after(datetime(2026, 11, 28, 23, 0, tzinfo=UTC)) is None


def test_quiet_hours_of_one_day():
    siesta = QuietHours(begins=time(12), ends=time(13), zone=MAKASSAR)
    assert siesta.end_after(local("2026-11-28T12:30:00")) == local("2026-11-28T13:00:00")
    assert siesta.end_after(local("2026-11-28T13:00:00")) is None


def test_without_a_length_there_are_none():
    never = QuietHours(begins=time(8), ends=time(8), zone=MAKASSAR)
    assert all(never.end_after(local(f"2026-11-28T{hour:02}:00:00")) is None for hour in range(24))


@given(
    begins=st.times(),
    ends=st.times(),
    at=st.integers(0, 366 * 24 * 3600).map(
        lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    ),
)
def test_whoever_waits_until_the_end_is_not_told_to_wait_again(begins: time, ends: time, at: datetime):
    quiet = QuietHours(begins=begins, ends=ends, zone=MAKASSAR)
    until = quiet.end_after(at)
    if until is not None:
        assert at < until <= at + timedelta(days=1)
        assert quiet.end_after(until) is None
