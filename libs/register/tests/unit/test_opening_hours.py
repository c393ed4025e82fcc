"""When an owner gives numbers, and when next: each answer, their order, and the site's own clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from register_calendars import ANY_HOURS, calendars

from gerai.register.calendar import Calendar
from gerai.register.local_time import local_day
from gerai.register.opening_hours import DAYS_AHEAD, OpeningCode, OpeningHours
from gerai.register.register import Register
from gerai.register.schedule import Schedule
from gerai.register.testing import (
    MAKASSAR,
    SMALL,
    TENANT,
    calendar,
    entries,
    holiday,
    interval,
    override,
    pause,
    week,
)

TUESDAY = date(2026, 11, 24)
FRIDAY = date(2026, 11, 27)
SATURDAY = date(2026, 11, 28)
PRAYER = pause("11:30", "13:00", 4, label="friday_prayer")


def local(day: date, clock: str, zone: ZoneInfo = MAKASSAR) -> datetime:
    hours, minutes = clock.split(":")
    return datetime(day.year, day.month, day.day, int(hours), int(minutes), tzinfo=zone).astimezone(UTC)


def hours(zone: ZoneInfo = MAKASSAR, **stated) -> OpeningHours:
    return OpeningHours(Schedule(Calendar.of(calendar(**stated), version=1)), zone)


def code(at: datetime, **stated) -> str:
    return hours(**stated).at(at).code.value


def known(*changes) -> Register:
    return Register(entries([*SMALL, *changes]))


def said(register: Register, service_id: str, at: datetime) -> tuple[OpeningCode, str]:
    found = register.hours_of(register.service(service_id, tenant=TENANT))
    assert found is not None
    return found.at(at)[:2]


class TestAnswers:
    def test_open_in_the_middle_of_the_day(self):
        assert code(local(TUESDAY, "09:00")) == "open"

    def test_holiday(self):
        assert code(local(TUESDAY, "09:00"), holidays=(holiday(TUESDAY),)) == "holiday"

    def test_force_open_beats_a_holiday(self):
        forced = {"holidays": (holiday(TUESDAY),), "force_open": (TUESDAY,)}
        assert code(local(TUESDAY, "09:00"), **forced) == "open"

    def test_hours_of_one_date_do_not_beat_a_holiday(self):
        both = {
            "holidays": (holiday(TUESDAY),),
            "overrides": (override(TUESDAY, interval("08:00", "10:00")),),
        }
        assert code(local(TUESDAY, "09:00"), **both) == "holiday"

    def test_closed_on_one_date(self):
        assert code(local(TUESDAY, "09:00"), overrides=(override(TUESDAY),)) == "date_closed"

    def test_other_hours_on_one_date(self):
        changed = {"overrides": (override(SATURDAY, interval("09:00", "11:00")),)}
        assert code(local(SATURDAY, "09:30"), **changed) == "open"
        assert code(local(SATURDAY, "10:30"), **changed) == "cutoff_passed"

    def test_closed_on_a_weekday(self):
        assert code(local(SATURDAY, "09:00")) == "day_closed"

    def test_lunch(self):
        lunch = pause("12:00", "13:00", 1)
        assert code(local(TUESDAY, "11:59"), breaks=(lunch,)) == "open"
        assert code(local(TUESDAY, "12:00"), breaks=(lunch,)) == "break"
        assert code(local(TUESDAY, "13:00"), breaks=(lunch,)) == "open"

    def test_friday_prayer_is_on_friday(self):
        assert code(local(FRIDAY, "11:30"), breaks=(PRAYER,)) == "break"
        assert code(local(TUESDAY, "11:30"), breaks=(PRAYER,)) == "open"

    def test_the_time_between_two_intervals_is_a_break(self):
        split = week(interval("08:00", "11:00"), interval("13:00", "15:00"))
        assert code(local(TUESDAY, "12:00"), week=split) == "break"
        assert code(local(TUESDAY, "10:59"), week=split) == "open"

    def test_a_break_after_closing_is_no_break(self):
        short = week(interval("08:00", "12:00"))
        assert (
            code(local(TUESDAY, "12:30"), week=short, breaks=(pause("12:00", "13:00", 1),)) == "cutoff_passed"
        )

    def test_before_opening(self):
        assert code(local(TUESDAY, "07:59")) == "not_open_yet"
        assert code(local(TUESDAY, "08:00")) == "open"

    def test_the_last_number_is_given_half_an_hour_before_closing(self):
        assert code(local(TUESDAY, "14:59")) == "open"
        assert hours().at(local(TUESDAY, "15:00")) == (OpeningCode.CUTOFF_PASSED, "", "15:00")
        assert code(local(TUESDAY, "23:00")) == "cutoff_passed"

    def test_hours_that_overlap_are_one(self):
        both = week(interval("08:00", "12:00"), interval("09:00", "10:00"))
        assert code(local(TUESDAY, "11:00"), week=both) == "open"


@settings(deadline=None)
@given(minute=st.integers(0, 7 * 24 * 60 - 1))
def test_numbers_are_given_exactly_within_hours_and_before_the_cutoff(minute):
    at = local(TUESDAY, "00:00") + timedelta(minutes=minute)
    clock = at.astimezone(MAKASSAR)
    wanted = clock.weekday() < 5 and "08:00" <= f"{clock:%H:%M}" < "15:00"
    assert (code(at) == "open") == wanted


class TestTheSitesOwnDay:
    def test_changes_at_local_midnight_and_not_when_the_utc_day_does(self):
        assert local_day(datetime(2026, 11, 24, 15, 59, tzinfo=UTC), MAKASSAR) == "2026-11-24"
        assert local_day(datetime(2026, 11, 24, 16, 0, tzinfo=UTC), MAKASSAR) == "2026-11-25"

    def test_is_the_morning_when_utc_still_has_yesterday(self):
        """At 07:00 and 08:00 in Makassar it is 23:00 of the day before, and midnight, in UTC."""
        assert code(local(TUESDAY, "07:00"), week=week(interval("06:00", "10:00"))) == "open"
        assert local_day(local(TUESDAY, "07:00"), MAKASSAR) == "2026-11-24"

    def test_a_zone_that_changes_its_clocks_opens_by_the_wall(self):
        berlin = ZoneInfo("Europe/Berlin")
        found = hours(berlin, week=week(interval("08:00", "16:00"), weekdays=range(7)))
        for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)):
            assert found.at(local(day, "07:59", berlin)).code is OpeningCode.NOT_OPEN_YET
            assert found.at(local(day, "08:00", berlin)).code is OpeningCode.OPEN
            assert found.next_open(local(day, "00:00", berlin)) == local(day, "08:00", berlin)
        assert found.closes_at(date(2026, 3, 29)) == datetime(2026, 3, 29, 14, 0, tzinfo=UTC)
        assert found.closes_at(date(2026, 3, 28)) == datetime(2026, 3, 28, 15, 0, tzinfo=UTC)


class TestLayers:
    def test_the_most_specific_calendar_holds_alone_for_hours(self):
        register = known(
            calendar(overrides=(override(TUESDAY),)),
            calendar("institution:dpmptsp", week=week(interval("13:00", "15:00"))),
            calendar("counter:dpmptsp", week=week(interval("10:00", "12:00"))),
            calendar("service:izin"),
        )
        for service_id, clock, wanted in (
            ("nib", "09:00", OpeningCode.NOT_OPEN_YET),
            ("nib", "11:00", OpeningCode.OPEN),
            ("izin", "09:00", OpeningCode.OPEN),
            ("pajak", "11:00", OpeningCode.NOT_OPEN_YET),
            ("pajak", "14:00", OpeningCode.OPEN),
        ):
            assert said(register, service_id, local(TUESDAY, clock))[0] is wanted, (service_id, clock)
        without = known(calendar(overrides=(override(TUESDAY),)))
        assert said(without, "pajak", local(TUESDAY, "09:00"))[0] is OpeningCode.DATE_CLOSED

    def test_holidays_of_the_site_hold_for_all_united_with_their_own(self):
        """They come from one table: nobody should have to copy it into every calendar."""
        wednesday = TUESDAY + timedelta(days=1)
        register = known(
            calendar("counter:samsat", holidays=(holiday(wednesday, "Hari Bhayangkara"),)),
            calendar("service:izin"),
            calendar(holidays=(holiday(TUESDAY, "Hari Guru"), holiday(wednesday))),
        )
        for service_id, day, why in (
            ("izin", TUESDAY, "Hari Guru"),
            ("pajak", TUESDAY, "Hari Guru"),
            ("izin", wednesday, "Hari Libur"),
            ("pajak", wednesday, "Hari Bhayangkara"),
        ):
            assert said(register, service_id, local(day, "09:00")) == (OpeningCode.HOLIDAY, why)

    def test_an_own_force_open_beats_a_holiday_of_the_site_and_the_sites_does_not(self):
        register = known(
            calendar(holidays=(holiday(TUESDAY), holiday(FRIDAY)), force_open=(FRIDAY,)),
            calendar("counter:samsat", force_open=(TUESDAY,)),
        )
        for service_id, day, wanted in (
            ("nib", TUESDAY, OpeningCode.HOLIDAY),
            ("pajak", TUESDAY, OpeningCode.OPEN),
            ("nib", FRIDAY, OpeningCode.OPEN),
            ("pajak", FRIDAY, OpeningCode.HOLIDAY),
        ):
            assert said(register, service_id, local(day, "09:00"))[0] is wanted

    def test_a_withdrawn_calendar_does_not_count(self):
        register = known(calendar("service:nib", active=False, week=()))
        assert said(register, "nib", local(TUESDAY, "09:00"))[0] is OpeningCode.OPEN


class TestWhenNext:
    """The very rule that says "open" finds the time."""

    @pytest.mark.parametrize(
        ("clock", "wanted"),
        [
            ("07:00", local(FRIDAY, "08:00")),
            ("08:00", local(FRIDAY, "08:00")),
            ("11:29", local(FRIDAY, "11:29")),
            ("11:30", local(FRIDAY + timedelta(days=3), "08:00")),
            ("13:00", local(FRIDAY + timedelta(days=3), "08:00")),
        ],
    )
    def test_no_opening_after_the_friday_break_when_the_cutoff_has_passed_by_then(self, clock, wanted):
        """A passport service that closes at 14:00 with a cutoff of an hour: at 13:00 no number is given any more."""
        passports = hours(week=week(interval("08:00", "14:00")), breaks=(PRAYER,), cutoff_minutes=60)
        assert passports.next_open(local(FRIDAY, clock)) == wanted

    def test_a_break_ends_where_numbers_are_given_after_it(self):
        assert hours(breaks=(PRAYER,)).next_open(local(FRIDAY, "11:31")) == local(FRIDAY, "13:00")

    def test_two_breaks_that_follow_each_other_are_passed_over(self):
        breaks = (pause("11:30", "12:30", 4), pause("12:15", "13:30", 4))
        assert hours(breaks=breaks).next_open(local(FRIDAY, "12:00")) == local(FRIDAY, "13:30")

    def test_holidays_and_closed_dates_are_passed_over(self):
        closed = {
            "holidays": (holiday(date(2026, 11, 30)),),
            "overrides": (
                override(date(2026, 12, 1)),
                override(date(2026, 12, 2), interval("10:00", "12:00")),
            ),
        }
        assert hours(**closed).next_open(local(FRIDAY, "16:00")) == local(date(2026, 12, 2), "10:00")

    def test_nothing_within_the_days_asked_for_is_said(self):
        assert hours(week=()).next_open(local(TUESDAY, "09:00")) is None
        assert hours().next_open(local(SATURDAY, "09:00"), days_ahead=1) is None
        assert hours().next_open(local(SATURDAY, "09:00"), days_ahead=2) == local(date(2026, 11, 30), "08:00")

    def test_hours_that_the_clocks_skip_begin_with_the_first_minute_there_is(self):
        berlin = ZoneInfo("Europe/Berlin")
        night = hours(berlin, week=week(interval("02:30", "06:00"), weekdays=range(7)))
        began = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
        """03:00 on the wall; 02:30 is not on it that night."""
        assert night.next_open(datetime(2026, 3, 28, 23, tzinfo=UTC)) == began

    def test_hours_that_the_clocks_repeat_are_open_twice(self):
        berlin = ZoneInfo("Europe/Berlin")
        night = hours(berlin, week=week(interval("02:00", "02:30"), weekdays=range(7)), cutoff_minutes=0)
        between = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        assert night.next_open(between) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


ANY_CALENDAR = calendars([date(2026, 3, 25) + timedelta(days=ahead) for ahead in range(12)], ANY_HOURS)
"""In the days around the change of Europe's clocks."""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stated=ANY_CALENDAR,
    zone=st.sampled_from(["Asia/Makassar", "Asia/Jakarta", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
    minutes=st.integers(0, 9 * 24 * 60),
    second=st.integers(0, 59),
)
def test_at_the_promised_instant_it_is_open_and_at_no_instant_before_whatever_the_calendar(
    stated, zone, minutes, second
):
    found = hours(ZoneInfo(zone), **stated)
    at = datetime(2026, 3, 25, tzinfo=UTC) + timedelta(minutes=minutes, seconds=second)
    promised = found.next_open(at, days_ahead=1)
    if promised is not None:
        assert promised >= at
        assert found.at(promised).code is OpeningCode.OPEN
    moment, ends = at, promised or at + timedelta(days=1)
    while moment < ends:
        assert found.at(moment).code is not OpeningCode.OPEN, moment
        moment = moment.replace(second=0) + timedelta(minutes=1)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stated=ANY_CALENDAR,
    asked=st.lists(st.tuples(st.integers(0, 9 * 24 * 60), st.integers(0, 3)), min_size=2, max_size=6),
)
def test_what_was_asked_before_changes_no_answer(stated, asked):
    remembering = hours(**stated)
    for minutes, days_ahead in asked:
        at = datetime(2026, 3, 25, tzinfo=UTC) + timedelta(minutes=minutes)
        for ahead in (days_ahead, DAYS_AHEAD):
            found = remembering.next_open(at, days_ahead=ahead)
            assert found == hours(**stated).next_open(at, days_ahead=ahead)
