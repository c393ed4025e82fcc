"""When a service gives numbers: each check, their order, and the site's own clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_builders import MAKASSAR, TENANT, calendar, catalogue, counter, holiday, service, site

from gerai.contracts import registry as language
from gerai.queue.domain.end_of_day import day_ends_at
from gerai.queue.domain.opening import Code, OpeningHours, local_day, opening
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.service_day import ServiceDay

TUESDAY = date(2026, 11, 24)
FRIDAY = date(2026, 11, 27)
SATURDAY = date(2026, 11, 28)


def local(day: date, clock: str, zone: ZoneInfo = MAKASSAR) -> datetime:
    hours, minutes = clock.split(":")
    return datetime(day.year, day.month, day.day, int(hours), int(minutes), tzinfo=zone).astimezone(UTC)


def interval(opens: str, closes: str) -> language.Interval:
    return language.Interval(opens=opens, closes=closes)


def lunch(*weekdays: int) -> language.Break:
    return language.Break(label="lunch", weekdays=weekdays, starts="12:00", ends="13:00")


def override(day: date, *intervals: language.Interval) -> language.Override:
    return language.Override(date=day, intervals=intervals, reason="Rapat")


def code(at: datetime, *, quota: int | None = None, issued: int = 0, closed: bool = False, **stated) -> str:
    hours = OpeningHours(calendar(**stated))
    return opening(
        hours, active=True, manually_closed=closed, issued=issued, quota=quota, at=at, zone=MAKASSAR
    ).code.value


class TestChecks:
    def test_open_in_the_middle_of_the_day(self):
        assert code(local(TUESDAY, "09:00")) == "available"

    def test_holiday(self):
        assert code(local(TUESDAY, "09:00"), holidays=(holiday(TUESDAY),)) == "holiday"

    def test_force_open_beats_a_holiday(self):
        forced = {"holidays": (holiday(TUESDAY),), "force_open": (TUESDAY,)}
        assert code(local(TUESDAY, "09:00"), **forced) == "available"

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
        assert code(local(SATURDAY, "09:30"), **changed) == "available"
        assert code(local(SATURDAY, "10:30"), **changed) == "cutoff_passed"

    def test_closed_on_a_weekday(self):
        assert code(local(SATURDAY, "09:00")) == "day_closed"

    def test_lunch(self):
        assert code(local(TUESDAY, "11:59"), breaks=(lunch(1),)) == "available"
        assert code(local(TUESDAY, "12:00"), breaks=(lunch(1),)) == "break"
        assert code(local(TUESDAY, "13:00"), breaks=(lunch(1),)) == "available"

    def test_friday_prayer_is_on_friday(self):
        prayer = language.Break(label="friday_prayer", weekdays=(4,), starts="11:30", ends="13:00")
        assert code(local(FRIDAY, "11:30"), breaks=(prayer,)) == "break"
        assert code(local(TUESDAY, "11:30"), breaks=(prayer,)) == "available"

    def test_the_time_between_two_intervals_is_a_break(self):
        week = (
            language.DayHours(weekday=1, intervals=(interval("08:00", "11:00"), interval("13:00", "15:00"))),
        )
        assert code(local(TUESDAY, "12:00"), week=week) == "break"
        assert code(local(TUESDAY, "10:59"), week=week) == "available"

    def test_a_break_after_closing_is_no_break(self):
        week = (language.DayHours(weekday=1, intervals=(interval("08:00", "12:00"),)),)
        assert code(local(TUESDAY, "12:30"), week=week, breaks=(lunch(1),)) == "cutoff_passed"

    def test_before_opening(self):
        assert code(local(TUESDAY, "07:59")) == "not_open_yet"
        assert code(local(TUESDAY, "08:00")) == "available"

    def test_the_last_number_is_given_half_an_hour_before_closing(self):
        assert code(local(TUESDAY, "14:59")) == "available"
        assert code(local(TUESDAY, "15:00")) == "cutoff_passed"
        assert code(local(TUESDAY, "23:00")) == "cutoff_passed"

    def test_quota(self):
        assert code(local(TUESDAY, "09:00"), quota=30, issued=29) == "available"
        assert code(local(TUESDAY, "09:00"), quota=30, issued=30) == "quota_reached"


FACTS = ("inactive", "manual", "holiday", "date", "day", "break", "early", "late", "quota", "range", "prefix")
CODES = list(Code)


@given(facts=st.sets(st.sampled_from(FACTS)))
def test_the_first_check_that_fails_is_the_answer(facts):
    """Each fact alone would close the service; together the earliest in the order answers."""
    if {"early", "late"} <= facts:
        facts = facts - {"late"}
    if facts & {"early", "late"}:
        facts = facts - {"break"}
    day = SATURDAY if "day" in facts else TUESDAY
    clock = "07:00" if "early" in facts else "15:10" if "late" in facts else "12:30"
    hours = OpeningHours(
        calendar(
            holidays=(holiday(day),) if "holiday" in facts else (),
            overrides=(override(day),) if "date" in facts else (),
            breaks=(lunch(1),) if "break" in facts else (),
        )
    )
    found = opening(
        hours,
        active="inactive" not in facts,
        manually_closed="manual" in facts,
        issued=5 if "quota" in facts else 4,
        quota=5,
        last=4 if "range" in facts else None,
        prefix_free="prefix" not in facts,
        at=local(day, clock),
        zone=MAKASSAR,
    )
    expected = min((FACTS.index(fact) for fact in facts), default=len(FACTS))
    assert found.code is CODES[expected]


@given(minute=st.integers(0, 7 * 24 * 60 - 1))
def test_numbers_are_given_exactly_within_hours_and_before_the_cutoff(minute):
    at = local(TUESDAY, "00:00") + timedelta(minutes=minute)
    clock = at.astimezone(MAKASSAR)
    wanted = clock.weekday() < 5 and "08:00" <= f"{clock:%H:%M}" < "15:00"
    assert (code(at) == "available") == wanted


class TestTheSitesOwnDay:
    def test_changes_at_local_midnight_and_not_when_the_utc_day_does(self):
        assert local_day(datetime(2026, 11, 24, 15, 59, tzinfo=UTC), MAKASSAR) == "2026-11-24"
        assert local_day(datetime(2026, 11, 24, 16, 0, tzinfo=UTC), MAKASSAR) == "2026-11-25"

    def test_is_the_morning_when_utc_still_has_yesterday(self):
        """At 07:00 and 08:00 in Makassar it is 23:00 of the day before, and midnight, in UTC."""
        hours = {"week": (language.DayHours(weekday=1, intervals=(interval("06:00", "10:00"),)),)}
        assert code(local(TUESDAY, "07:00"), **hours) == "available"
        assert local_day(local(TUESDAY, "07:00"), MAKASSAR) == "2026-11-24"

    def test_a_zone_that_changes_its_clocks_opens_by_the_wall(self):
        berlin = ZoneInfo("Europe/Berlin")
        hours = OpeningHours(
            calendar(
                week=tuple(
                    language.DayHours(weekday=d, intervals=(interval("08:00", "16:00"),)) for d in range(7)
                )
            )
        )
        for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)):
            assert hours.at(local(day, "07:59", berlin).astimezone(berlin)).code is Code.NOT_OPEN_YET
            assert hours.at(local(day, "08:00", berlin).astimezone(berlin)).code is Code.AVAILABLE
        assert hours.closes_at(date(2026, 3, 29), berlin) == datetime(2026, 3, 29, 14, 0, tzinfo=UTC)
        assert hours.closes_at(date(2026, 3, 28), berlin) == datetime(2026, 3, 28, 15, 0, tzinfo=UTC)


class TestLayers:
    def test_the_most_specific_calendar_holds_alone_for_hours(self):
        known = catalogue(
            calendar(overrides=(override(TUESDAY),)),
            calendar(
                "counter:dpmptsp",
                week=(language.DayHours(weekday=1, intervals=(interval("10:00", "12:00"),)),),
            ),
            calendar("service:izin"),
        )
        at = local(TUESDAY, "09:00")
        nib, izin, pajak = (known.service(id, tenant=TENANT) for id in ("nib", "izin", "pajak"))
        assert known.opening_of(nib, None, at=at).code is Code.NOT_OPEN_YET
        assert known.opening_of(izin, None, at=at).code is Code.AVAILABLE
        assert known.opening_of(pajak, None, at=at).code is Code.DATE_CLOSED

    def test_holidays_of_the_site_hold_for_all_united_with_their_own(self):
        """They come from one table: nobody should have to copy it into every calendar."""
        wednesday = TUESDAY + timedelta(days=1)
        known = catalogue(
            calendar("counter:samsat", holidays=(holiday(wednesday, "Hari Bhayangkara"),)),
            calendar("service:izin"),
            calendar(holidays=(holiday(TUESDAY, "Hari Guru"), holiday(wednesday))),
        )
        izin, pajak = (known.service(id, tenant=TENANT) for id in ("izin", "pajak"))
        for service_, day, why in (
            (izin, TUESDAY, "Hari Guru"),
            (pajak, TUESDAY, "Hari Guru"),
            (izin, wednesday, "Hari Libur"),
            (pajak, wednesday, "Hari Bhayangkara"),
        ):
            found = known.opening_of(service_, None, at=local(day, "09:00"))
            assert (found.code, found.why) == (Code.HOLIDAY, why)
        assert day_ends_at(known, "mpp", TUESDAY.isoformat()) == local(wednesday, "00:00")

    def test_an_own_force_open_beats_a_holiday_of_the_site_and_the_sites_does_not(self):
        known = catalogue(
            calendar(holidays=(holiday(TUESDAY), holiday(FRIDAY)), force_open=(FRIDAY,)),
            calendar("counter:samsat", force_open=(TUESDAY,)),
        )
        nib, pajak = (known.service(id, tenant=TENANT) for id in ("nib", "pajak"))
        for service_, day, code_ in (
            (nib, TUESDAY, Code.HOLIDAY),
            (pajak, TUESDAY, Code.AVAILABLE),
            (nib, FRIDAY, Code.AVAILABLE),
            (pajak, FRIDAY, Code.HOLIDAY),
        ):
            assert known.opening_of(service_, None, at=local(day, "09:00")).code is code_

    def test_a_withdrawn_calendar_does_not_count(self):
        known = catalogue(calendar("service:nib", active=False, week=()))
        assert (
            known.opening_of(known.service("nib", tenant=TENANT), None, at=local(TUESDAY, "09:00")).code
            == "available"
        )

    @pytest.mark.parametrize("withdrawn", [service(active=False), counter(active=False), site(active=False)])
    def test_what_is_withdrawn_closes_what_hangs_on_it(self, withdrawn):
        known = catalogue(withdrawn)
        day = ServiceDay.of(known.service("nib", tenant=TENANT), "2026-11-24")
        found = known.opening_of(known.service("nib", tenant=TENANT), day, at=local(TUESDAY, "09:00"))
        assert found.code is Code.SERVICE_CLOSED


class TestEndOfDay:
    def test_is_some_time_after_the_last_closing_of_any_service(self):
        late = calendar(
            "counter:samsat", week=(language.DayHours(weekday=1, intervals=(interval("08:00", "17:00"),)),)
        )
        known = catalogue(late, rules=Rules(end_after_closing_minutes=30))
        assert day_ends_at(known, "mpp", "2026-11-24") == local(TUESDAY, "17:30")

    def test_is_local_midnight_at_the_latest(self):
        known = catalogue(rules=Rules(end_after_closing_minutes=600))
        assert day_ends_at(known, "mpp", "2026-11-24") == local(date(2026, 11, 25), "00:00")

    def test_of_a_closed_day_is_midnight(self):
        assert day_ends_at(catalogue(), "mpp", "2026-11-28") == local(date(2026, 11, 29), "00:00")
