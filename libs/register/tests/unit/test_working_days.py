"""Which days legal deadlines are counted in: real calendars by hand, any calendar day by day."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from register_calendars import A_FEW_HOURS, calendars

from gerai.contracts.registry import CalendarChanged, Period
from gerai.messaging.refusal import UnableToFind
from gerai.register.calendar import Calendar
from gerai.register.entries import entry_of
from gerai.register.opening_hours import OpeningHours
from gerai.register.register import Register
from gerai.register.schedule import Schedule
from gerai.register.testing import (
    MAKASSAR,
    SMALL,
    TENANT,
    calendar,
    entries,
    holiday,
    institution,
    interval,
    joint_leave,
    override,
    pause,
    week,
)
from gerai.register.working_days import UnableToFindWorkingDay, WorkingDays

NATIONAL = (
    (date(2026, 1, 1), "Tahun Baru Masehi"),
    (date(2026, 1, 16), "Isra Mikraj"),
    (date(2026, 2, 17), "Tahun Baru Imlek"),
    (date(2026, 3, 19), "Hari Suci Nyepi"),
    (date(2026, 3, 21), "Idulfitri"),
    (date(2026, 3, 22), "Idulfitri, hari kedua"),
    (date(2026, 4, 3), "Wafat Yesus Kristus"),
    (date(2026, 4, 5), "Paskah"),
    (date(2026, 5, 1), "Hari Buruh"),
    (date(2026, 5, 14), "Kenaikan Yesus Kristus"),
    (date(2026, 5, 27), "Iduladha"),
    (date(2026, 5, 31), "Waisak"),
    (date(2026, 6, 1), "Hari Lahir Pancasila"),
    (date(2026, 6, 16), "Tahun Baru Islam"),
    (date(2026, 8, 17), "Hari Kemerdekaan"),
    (date(2026, 8, 25), "Maulid Nabi Muhammad"),
    (date(2026, 12, 25), "Natal"),
    (date(2027, 1, 1), "Tahun Baru Masehi"),
    (date(2027, 1, 5), "Isra Mikraj"),
)
JOINT_LEAVE = (
    (date(2026, 2, 16), "Cuti bersama Tahun Baru Imlek"),
    (date(2026, 3, 18), "Cuti bersama Nyepi"),
    (date(2026, 3, 20), "Cuti bersama Idulfitri"),
    (date(2026, 3, 23), "Cuti bersama Idulfitri"),
    (date(2026, 3, 24), "Cuti bersama Idulfitri"),
    (date(2026, 5, 15), "Cuti bersama Kenaikan Yesus Kristus"),
    (date(2026, 5, 28), "Cuti bersama Iduladha"),
    (date(2026, 12, 24), "Cuti bersama Natal"),
)
TABLE = (
    *(holiday(day, name) for day, name in NATIONAL),
    *(joint_leave(day, name) for day, name in JOINT_LEAVE),
)
"""The holidays of 2026 and the joint leave, as the three ministers decreed them; of 2027 the first two."""
FRIDAY_BREAK = pause("11:30", "13:00", 4, label="friday_prayer")
SITE = calendar(holidays=TABLE, breaks=(FRIDAY_BREAK,))
SIX_DAYS = week(interval("08:00", "14:00"), weekdays=range(6))


def working_days(*changes: CalendarChanged, site: CalendarChanged = SITE) -> WorkingDays:
    """Of the institution "dpmptsp"."""
    return Register(entries([*SMALL, site, *changes])).working_days("dpmptsp", site_id="mpp", tenant=TENANT)


def own(**stated) -> CalendarChanged:
    return calendar("institution:dpmptsp", **stated)


FIVE = working_days()
SIX = working_days(own(week=SIX_DAYS))


def said(days: WorkingDays, day: date) -> tuple[bool, str, str | None]:
    found = days.on(day)
    assert found.day == day
    return found.works, found.reason.value, found.name.id if found.name is not None else None


class TestOneDay:
    @pytest.mark.parametrize(
        ("day", "wanted"),
        [
            (date(2026, 11, 24), (True, "working_day", None)),
            (date(2026, 11, 27), (True, "working_day", None)),  # a Friday, with its break
            (date(2026, 11, 28), (False, "weekend", None)),
            (date(2026, 8, 17), (False, "holiday", "Hari Kemerdekaan")),
            (date(2026, 3, 20), (False, "joint_leave", "Cuti bersama Idulfitri")),
            (
                date(2026, 3, 21),
                (False, "holiday", "Idulfitri"),
            ),  # a Saturday; the holiday is the better reason
            (date(2028, 2, 29), (True, "working_day", None)),
        ],
    )
    def test_of_a_five_day_week(self, day, wanted):
        assert said(FIVE, day) == wanted

    def test_of_a_six_day_week(self):
        assert said(SIX, date(2026, 11, 28)) == (True, "working_day", None)
        assert said(SIX, date(2026, 11, 29)) == (False, "weekend", None)
        assert said(SIX, date(2026, 12, 24)) == (False, "joint_leave", "Cuti bersama Natal")

    def test_which_an_override_closes(self):
        days = working_days(own(overrides=(override(date(2026, 11, 24), reason="Pelantikan"),)))
        assert said(days, date(2026, 11, 24)) == (False, "date_closed", "Pelantikan")

    def test_with_other_hours_is_a_working_day_all_the_same(self):
        short = override(date(2026, 11, 24), interval("08:00", "09:00"), reason="Rapat")
        assert said(working_days(own(overrides=(short,))), date(2026, 11, 24)) == (
            True,
            "working_day",
            "Rapat",
        )

    def test_which_an_override_opens(self):
        extra = override(date(2026, 11, 28), interval("08:00", "12:00"), reason="Ganti hari")
        assert said(working_days(own(overrides=(extra,))), date(2026, 11, 28)) == (
            True,
            "date_opened",
            "Ganti hari",
        )

    def test_a_holiday_on_which_the_institution_works(self):
        days = working_days(own(force_open=(date(2026, 12, 24), date(2026, 12, 27))))
        assert said(days, date(2026, 12, 24)) == (True, "forced_open", "Cuti bersama Natal")
        assert said(days, date(2026, 12, 25)) == (False, "holiday", "Natal")
        assert said(days, date(2026, 12, 27)) == (False, "weekend", None), "the week has no hours to open"

    def test_the_site_opens_on_a_holiday_for_those_without_a_calendar_of_their_own(self):
        site = calendar(holidays=TABLE, force_open=(date(2026, 12, 24),))
        assert said(working_days(site=site), date(2026, 12, 24))[0]
        assert not said(working_days(own(), site=site), date(2026, 12, 24))[0]


class TestCounting:
    @pytest.mark.parametrize(
        ("days", "first", "last", "wanted"),
        [
            (FIVE, date(2026, 3, 1), date(2026, 3, 31), 22 - 5),  # Nyepi, Idulfitri, and their joint leave
            (FIVE, date(2026, 1, 1), date(2026, 12, 31), 261 - 21),
            (SIX, date(2026, 1, 1), date(2026, 12, 31), 313 - 22),
            (FIVE, date(2026, 12, 23), date(2027, 1, 6), 7),  # 23, 28–31 December, 4 and 6 January
            (FIVE, date(2028, 2, 28), date(2028, 3, 1), 3),
            (FIVE, date(2026, 11, 28), date(2026, 11, 29), 0),
            (FIVE, date(2026, 11, 24), date(2026, 11, 24), 1),
            (FIVE, date(2026, 11, 25), date(2026, 11, 24), 0),
            (FIVE, date(2031, 1, 1), date(2031, 12, 31), 261),  # not decreed yet
        ],
    )
    def test_between_two_dates(self, days, first, last, wanted):
        assert days.count(first, last) == wanted

    @pytest.mark.parametrize(
        ("days", "first", "n", "wanted"),
        [
            (FIVE, date(2026, 11, 23), 5, date(2026, 11, 27)),
            (FIVE, date(2026, 11, 28), 1, date(2026, 11, 30)),
            (FIVE, date(2026, 3, 13), 5, date(2026, 3, 26)),  # 13, 16, 17, 25, 26 March
            (SIX, date(2026, 3, 13), 5, date(2026, 3, 25)),  # 13, 14, 16, 17, 25 March
            (FIVE, date(2026, 12, 28), 5, date(2027, 1, 4)),
            (FIVE, date(2026, 12, 28), 6, date(2027, 1, 6)),
            (FIVE, date(2028, 2, 25), 4, date(2028, 3, 1)),
            (FIVE, date(2026, 1, 1), 241, date(2027, 1, 4)),
        ],
    )
    def test_to_a_deadline(self, days, first, n, wanted):
        assert days.nth_from(first, n) == wanted

    def test_past_a_calendar_without_working_days_is_refused(self):
        never = working_days(own(week=()))
        assert never.count(date(2026, 1, 1), date(2031, 12, 31)) == 0
        with pytest.raises(UnableToFindWorkingDay) as refused:
            never.nth_from(date(2026, 1, 1), 1)
        assert refused.value.code == "too_few_working_days"
        with pytest.raises(UnableToFindWorkingDay):
            FIVE.nth_from(date(9999, 12, 31), 2)
        with pytest.raises(UnableToFindWorkingDay) as refused:
            FIVE.count(date(2026, 1, 1), date(2126, 1, 1))
        assert refused.value.code == "too_many_years"
        with pytest.raises(ValueError):
            FIVE.nth_from(date(2026, 1, 1), 0)


class TestAChangeOfTheCalendar:
    SIX_FROM_JANUARY = Period(
        starts=date(2027, 1, 4), ends=None, week=SIX_DAYS, breaks=(), reason="Enam hari kerja"
    )
    RAMADAN = Period(
        starts=date(2027, 2, 8),
        ends=date(2027, 3, 9),
        week=week(interval("08:00", "14:00"), weekdays=range(5)),
        breaks=(),
        reason="Jam kerja Ramadan",
    )

    def test_that_has_a_date_leaves_the_days_before_it_as_they_were(self):
        days = working_days(own(periods=(self.SIX_FROM_JANUARY,)))
        assert said(days, date(2027, 1, 2)) == (False, "weekend", None)
        assert said(days, date(2027, 1, 9)) == (True, "working_day", None)
        assert days.count(date(2026, 12, 27), date(2027, 1, 9)) == 4 + 5  # 28–31; 4, 6–9
        assert days.nth_from(date(2026, 12, 28), 10) == date(2027, 1, 11)

    def test_a_period_within_another_takes_its_place_and_gives_it_back(self):
        days = working_days(own(periods=(self.SIX_FROM_JANUARY, self.RAMADAN)))
        assert said(days, date(2027, 2, 6))[0]
        assert not said(days, date(2027, 2, 13))[0]
        assert said(days, date(2027, 3, 13))[0]

    def test_is_seen_by_its_version_and_nothing_else_changes_it(self):
        def version(*versions: int, site_id: str = "mpp") -> str:
            changed = [entry_of(SITE, version=versions[0]), entry_of(own(), version=versions[1])]
            found = Register([*entries(SMALL), *changed])
            return found.working_days("dpmptsp", site_id=site_id, tenant=TENANT).version

        assert version(1, 1) == version(1, 1)
        assert len({version(1, 1), version(1, 2), version(2, 1), FIVE.version}) == 4


class TestAYearThatNobodyHasDecreedYet:
    def test_counts_weekends_and_overrides_alone_and_says_so(self):
        days = working_days(own(overrides=(override(date(2028, 8, 18), reason="Pindahan"),)))
        independence_day = days.on(date(2028, 8, 17))
        assert (independence_day.works, independence_day.is_decreed) == (True, False)
        assert said(days, date(2028, 8, 18)) == (False, "date_closed", "Pindahan")
        assert days.on(date(2026, 8, 18)).is_decreed

    def test_is_named_where_a_deadline_reaches_into_it(self):
        assert FIVE.undecreed_years(date(2026, 12, 1), date(2027, 2, 1)) == ()
        assert FIVE.undecreed_years(date(2027, 12, 1), date(2029, 2, 1)) == (2028, 2029)

    def test_is_not_decreed_by_a_day_of_the_institution_alone(self):
        days = working_days(own(holidays=(holiday(date(2029, 1, 26), "Hari Bhakti"),)))
        assert said(days, date(2029, 1, 26)) == (False, "holiday", "Hari Bhakti")
        assert not days.on(date(2029, 1, 26)).is_decreed


class TestWhose:
    def test_an_institution_without_a_calendar_works_as_its_site_does(self):
        elsewhere = institution(id="samsat", name="SAMSAT")
        register = Register(entries([*SMALL, SITE, own(week=SIX_DAYS), elsewhere]))
        saturday = date(2026, 11, 28)
        assert register.working_days("dpmptsp", site_id="mpp", tenant=TENANT).on(saturday).works
        assert not register.working_days("samsat", site_id="mpp", tenant=TENANT).on(saturday).works

    def test_nobody_without_any_calendar(self):
        register = Register(entries([*SMALL[:-1], calendar(active=False)]))
        with pytest.raises(UnableToFind):
            register.working_days("dpmptsp", site_id="mpp", tenant=TENANT)
        with pytest.raises(UnableToFind):
            register.working_days("nobody", site_id="mpp", tenant=TENANT)

    def test_is_asked_again_at_no_cost(self):
        register = Register(entries([*SMALL, SITE]))
        first = register.working_days("dpmptsp", site_id="mpp", tenant=TENANT)
        assert register.working_days("dpmptsp", site_id="mpp", tenant=TENANT) is first
        assert first.zone.key == "Asia/Makassar"


FIRST = date(2027, 12, 20)
DAYS = [FIRST + timedelta(days=ahead) for ahead in range(90)]
"""Over a New Year and a 29 February."""
ANY_CALENDAR = calendars(DAYS, A_FEW_HOURS)


def works(mine: CalendarChanged, site: CalendarChanged, day: date) -> bool:
    """As a clerk would read the contract out: slow, and plainly right."""
    is_holiday = any(closed.date == day for closed in (*mine.holidays, *site.holidays))
    if is_holiday and day not in mine.force_open:
        return False
    for changed in mine.overrides:
        if changed.date == day:
            return bool(changed.intervals)
    of_day, since = mine.week, date.min
    for period in mine.periods:
        if period.starts <= day and (period.ends is None or day <= period.ends) and period.starts >= since:
            of_day, since = period.week, period.starts
    return any(found.weekday == day.weekday() and found.intervals for found in of_day)


@settings(max_examples=60, deadline=None)
@given(
    mine=ANY_CALENDAR,
    shared=ANY_CALENDAR,
    first=st.sampled_from(DAYS),
    length=st.integers(-2, 60),
    n=st.integers(1, 25),
)
def test_counts_as_one_day_after_the_other_does_whatever_the_calendar(mine, shared, first, length, n):
    own_, site = calendar("institution:dpmptsp", **mine), calendar(**shared)
    days = WorkingDays(Schedule(*(Calendar.of(event, version=1) for event in (own_, site))), MAKASSAR)
    last = first + timedelta(days=length)
    between = [first + timedelta(days=ahead) for ahead in range(max(0, length + 1))]
    plain = [day for day in between if works(own_, site, day)]
    assert days.count(first, last) == len(plain)
    assert [day for day in between if days.on(day).works] == plain
    if len(plain) >= n:
        assert days.nth_from(first, n) == plain[n - 1]


@settings(max_examples=60, deadline=None)
@given(stated=ANY_CALENDAR, ahead=st.integers(0, 89))
def test_a_day_works_when_it_has_hours_so_the_two_questions_have_one_answer(stated, ahead):
    schedule = Schedule(Calendar.of(calendar(**stated), version=1))
    day = FIRST + timedelta(days=ahead)
    assert WorkingDays(schedule, MAKASSAR).on(day).works == (
        OpeningHours(schedule, MAKASSAR).closes_at(day) is not None
    )


def test_five_years_of_any_day_are_counted_as_one_day_after_the_other():
    days, first = FIVE, date(2026, 1, 1)
    plain = [
        day for day in (first + timedelta(days=ahead) for ahead in range(5 * 366)) if works(SITE, SITE, day)
    ]
    assert [days.nth_from(first, n) for n in range(1, len(plain) + 1)] == plain
    assert all(days.count(first, day) == n for n, day in enumerate(plain, start=1))
