"""The clock counts by the register's own working days."""

from datetime import date
from zoneinfo import ZoneInfo

from licensing_calendar import moment

from gerai.contracts.registry import Holiday, HolidayKind
from gerai.licensing.domain.clock_explanation import explain
from gerai.licensing.domain.clock_terms import ClockTerms
from gerai.licensing.domain.legal_clock import LegalClock
from gerai.licensing.domain.working_days import Almanac, WorkingDays
from gerai.register import working_days
from gerai.register.calendar import Calendar
from gerai.register.schedule import Schedule
from gerai.register.testing import calendar


def test_a_calendar_of_the_register_with_its_holiday_by_name():
    leave = Holiday(date=date(2026, 11, 4), name="Cuti bersama", kind=HolidayKind.JOINT_LEAVE)
    schedule = Schedule(Calendar.of(calendar(holidays=(leave,)), version=3))
    days: WorkingDays = working_days.WorkingDays(schedule, ZoneInfo("Asia/Makassar"))
    at = moment("2026-11-02")
    clock = LegalClock.start(ClockTerms(working_days=5), almanac=Almanac(days), at=at)
    assert (clock.marks, clock.due, clock.zone) == ("chccrrcc", date(2026, 11, 10), "Asia/Makassar")
    assert clock.reckoned_with == f"{days.version}/0"
    assert [day.note for day in explain(clock, at=at) if day.note] == ["Cuti bersama"]
