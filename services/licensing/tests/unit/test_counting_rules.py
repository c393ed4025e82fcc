"""Row by row what README.md says counts. November 2026: the 2nd is a Monday."""

from datetime import date

import pytest
from licensing_calendar import PlainCalendar, moment

from gerai.licensing.domain.clock_records import Ending, PauseEnd
from gerai.licensing.domain.clock_terms import Budget, ClockTerms, PauseKind, PauseReason, StageTerm
from gerai.licensing.domain.legal_clock import LegalClock
from gerai.licensing.domain.working_days import Almanac, Outage
from gerai.messaging.refusal import Refusal

TERMS = ClockTerms(
    working_days=5,
    stages=(StageTerm(code="verification", working_days=2), StageTerm(code="approval", working_days=3)),
    clarification=Budget(times=2, days=4),
)
WEEK = Almanac(PlainCalendar())


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def started(at: str = "11-02", *, terms: ClockTerms = TERMS, almanac: Almanac = WEEK) -> LegalClock:
    return LegalClock.start(terms, almanac=almanac, at=moment(f"2026-{at}"))


def asked(clock: LegalClock, at: str, *, almanac: Almanac = WEEK) -> LegalClock:
    return clock.pause(
        PauseKind.CLARIFICATION, PauseReason.PAPER_UNREADABLE, almanac=almanac, at=moment(f"2026-{at}")
    )


def answered(clock: LegalClock, at: str, *, almanac: Almanac = WEEK) -> LegalClock:
    return clock.answer(almanac=almanac, at=moment(f"2026-{at}"))


def refused(act: object, code: str) -> None:
    with pytest.raises(Refusal) as raised:
        act()  # type: ignore[operator]
    assert raised.value.code == code
    assert raised.value.text("id")
    assert raised.value.text("en")


class TestStart:
    def test_row_1_the_day_after_is_number_one(self):
        clock = started("11-02")
        assert (clock.first, clock.marks, clock.due) == (day("11-03"), "ccccrrc", day("11-09"))

    def test_row_2_the_day_itself_where_the_type_says_so(self):
        clock = started("11-02", terms=TERMS.model_copy(update={"arrival_day_counts": True}))
        assert (clock.first, clock.due) == (day("11-02"), day("11-06"))

    @pytest.mark.parametrize("at", ["11-06", "11-07", "11-08"])
    def test_row_3_a_weekend_begins_on_monday(self, at: str):
        assert started(at).due == day("11-13")

    def test_row_3_a_holiday_begins_on_the_next_working_day(self):
        almanac = Almanac(PlainCalendar([day("11-04")]))
        assert started("11-04", almanac=almanac).due == started("11-03", almanac=almanac).due == day("11-11")

    @pytest.mark.parametrize(("at", "due"), [("11-02 23:59", "11-09"), ("11-03 00:00", "11-10")])
    def test_row_4_the_day_is_the_sites(self, at: str, due: str):
        assert started(at).due == day(due)


class TestPause:
    def test_row_5_the_day_of_the_question_counts(self):
        clock = asked(started(), "11-04")
        assert clock.consumed(moment("2026-11-05")) == 2
        assert clock.marks.startswith("ccp")

    def test_row_6_the_day_of_the_answer_does_not(self):
        clock = answered(asked(started(), "11-04"), "11-06")
        assert clock.marks == "ccpprrccc"
        assert clock.due == day("11-11")

    def test_row_6_the_day_of_the_answer_counts_where_the_day_of_arrival_does(self):
        terms = TERMS.model_copy(update={"arrival_day_counts": True})
        clock = answered(asked(started(terms=terms), "11-03"), "11-05")
        assert clock.marks == "ccpccrrc"

    def test_row_7_question_and_answer_on_one_day_move_nothing(self):
        clock = answered(asked(started(), "11-04 08:00"), "11-04 15:00")
        assert (clock.marks, clock.days_paused(PauseKind.CLARIFICATION)) == (started().marks, 0)
        again = answered(asked(clock, "11-04 15:10"), "11-04 15:20")
        refused(lambda: asked(again, "11-04 15:30"), "times_used_up")

    def test_row_8_asked_before_any_day_has_counted(self):
        clock = asked(started("11-02 08:00"), "11-02 09:00")
        assert clock.marks.startswith("pppp")
        assert answered(clock, "11-03").marks == "pcccrrcc"

    def test_row_9_asked_and_answered_at_a_weekend(self):
        clock = answered(asked(started(), "11-07"), "11-08")
        assert clock.marks == started().marks
        clock = answered(asked(started(), "11-07"), "11-09")
        assert clock.marks == "ccccrrpc"

    def test_row_9_asked_on_a_holiday(self):
        almanac = Almanac(PlainCalendar([day("11-04")]))
        clock = answered(asked(started(almanac=almanac), "11-04", almanac=almanac), "11-05", almanac=almanac)
        assert clock.marks == "chpcrrccc"

    def test_row_10_weekends_use_none_of_the_budget(self):
        clock = answered(asked(started(), "11-06"), "11-09")
        assert (clock.marks, clock.days_paused(PauseKind.CLARIFICATION)) == ("ccccrrpc", 1)

    def test_row_11_over_new_year(self):
        almanac = Almanac(PlainCalendar({date(2026, 12, 25): "Natal", date(2027, 1, 1): "Tahun Baru"}))
        clock = LegalClock.start(TERMS, almanac=almanac, at=moment("2026-12-29"))
        clock = asked(clock, "12-30", almanac=almanac)
        clock = clock.answer(almanac=almanac, at=moment("2027-01-04"))
        assert (clock.marks, clock.due) == ("cphrrpcccc", date(2027, 1, 8))
        assert [(note.day, note.text) for note in clock.notes] == [(date(2027, 1, 1), "Tahun Baru")]

    def test_row_12_asked_again_on_the_day_of_the_answer(self):
        clock = answered(asked(started(), "11-03"), "11-04 09:00")
        clock = answered(asked(clock, "11-04 10:00"), "11-05")
        assert clock.marks == "cppcrrccc"

    def test_row_13_goes_on_by_itself_when_the_budget_is_used_up(self):
        clock = asked(started(), "11-04")
        assert clock.marks == "ccpprrppccc"
        assert clock.resumes_at == moment("2026-11-11 00:00")
        assert clock.is_paused(moment("2026-11-10 23:59"))
        assert not clock.is_paused(moment("2026-11-11 00:00"))
        refused(lambda: clock.resume_by_itself(at=moment("2026-11-10 23:59")), "budget_left")
        resumed = clock.resume_by_itself(at=moment("2026-11-11 00:05"))
        assert resumed.pauses[-1].ended_by is PauseEnd.BUDGET_USED_UP
        assert (resumed.pauses[-1].until, resumed.due) == (day("11-10"), clock.due)

    def test_row_14_an_answer_after_that_changes_nothing(self):
        clock = asked(started(), "11-04")
        refused(lambda: answered(clock, "11-11"), "not_paused")

    def test_row_15_no_pause_beyond_the_budget(self):
        once = answered(asked(started(), "11-04"), "11-10")
        assert once.days_paused(PauseKind.CLARIFICATION) == 4
        refused(lambda: asked(once, "11-11"), "days_used_up")
        refused(lambda: asked(asked(started(), "11-04"), "11-05"), "paused_already")

    def test_row_16_not_on_the_last_day(self):
        refused(lambda: asked(started(), "11-09"), "last_day")
        assert asked(started(), "11-08").due > started().due


class TestAnotherCalendar:
    def test_row_17_a_holiday_to_come_moves_the_deadline(self):
        later = Almanac(PlainCalendar({day("11-05"): "Cuti bersama"}, version=2))
        for at in ("11-03", "11-05"):
            clock = started().reschedule(almanac=later, at=moment(f"2026-{at}"))
            assert (clock.marks, clock.due) == ("cchcrrcc", day("11-10"))
            assert clock.reckoned_with != started().reckoned_with

    def test_row_18_a_holiday_of_the_past_changes_nothing(self):
        later = Almanac(PlainCalendar([day("11-05")], version=2))
        assert started().reschedule(almanac=later, at=moment("2026-11-06")).marks == started().marks

    def test_row_18_nor_does_a_holiday_of_the_past_that_is_cancelled(self):
        holiday = Almanac(PlainCalendar([day("11-05")]))
        clock = started(almanac=holiday)
        assert clock.reschedule(almanac=WEEK, at=moment("2026-11-06")).marks == clock.marks

    def test_row_19_a_cancelled_holiday_makes_it_earlier_and_never_before_today(self):
        holidays = Almanac(PlainCalendar([day("11-09"), day("11-10")]))
        clock = started(almanac=holidays)
        assert clock.due == day("11-11")
        assert clock.reschedule(almanac=WEEK, at=moment("2026-11-06")).due == day("11-09")
        assert clock.reschedule(almanac=WEEK, at=moment("2026-11-10")).due == day("11-10")

    def test_row_20_an_outage_to_come_is_not_counted_and_uses_no_budget(self):
        outage = Outage(decree="188.4/31/2026", first=day("11-05"), last=day("11-06"))
        broken = Almanac(PlainCalendar(), [outage])
        clock = started().reschedule(almanac=broken, at=moment("2026-11-04"))
        assert (clock.marks, clock.due) == ("ccoorrccc", day("11-11"))
        paused = asked(clock, "11-04", almanac=broken)
        assert paused.marks == "ccoorrppppcrrcc"
        assert paused.days_paused(PauseKind.CLARIFICATION) == 4

    def test_row_21_an_outage_of_the_past_gives_days_back(self):
        broken = Almanac(
            PlainCalendar(), [Outage(decree="188.4/31/2026", first=day("11-03"), last=day("11-05"))]
        )
        clock = started().reschedule(almanac=broken, at=moment("2026-11-05"))
        assert (clock.marks, clock.due) == ("ggocrrcccc", day("11-12"))
        assert clock.consumed(moment("2026-11-05")) == started().consumed(moment("2026-11-05")) == 2
        assert clock.left(moment("2026-11-05")) == 5

    def test_row_22_a_lapse_is_not_taken_back(self):
        broken = Almanac(PlainCalendar(), [Outage(decree="1", first=day("11-03"), last=day("11-30"))])
        late = moment("2026-11-10 00:00")
        refused(lambda: started().reschedule(almanac=broken, at=late), "lapsed")
        lapsed = started().lapse(at=late)
        refused(lambda: lapsed.reschedule(almanac=broken, at=late), "ended")

    def test_row_22_but_what_was_declared_in_time_holds_though_it_is_heard_late(self):
        broken = Almanac(PlainCalendar(), [Outage(decree="1", first=day("11-09"), last=day("11-09"))])
        late = started().reschedule(
            almanac=broken, at=moment("2026-11-10 01:00"), declared_at=moment("2026-11-09 20:00")
        )
        assert (late.marks, late.due) == ("ccccrrgc", day("11-10"))

    def test_row_28_an_outage_within_a_pause_belongs_to_the_outage(self):
        broken = Almanac(PlainCalendar(), [Outage(decree="1", first=day("11-06"), last=day("11-09"))])
        clock = asked(started(), "11-04").reschedule(almanac=broken, at=moment("2026-11-06"))
        assert clock.marks == "ccporropppcrrcc"
        assert clock.days_paused(PauseKind.CLARIFICATION) == 4

    def test_row_29_a_holiday_within_a_pause_does_too(self):
        later = Almanac(PlainCalendar([day("11-06")], version=2))
        clock = asked(started(), "11-04").reschedule(almanac=later, at=moment("2026-11-05"))
        assert clock.marks == "ccphrrpppccrrc"
        assert clock.resumes_at == moment("2026-11-12 00:00")

    def test_row_30_a_calendar_without_working_days_is_refused(self):
        never = Almanac(PlainCalendar(week=(), version=2))
        refused(lambda: started(almanac=never), "no_working_days")
        refused(lambda: started().reschedule(almanac=never, at=moment("2026-11-04")), "no_working_days")


class TestEnd:
    def test_row_23_in_time_until_the_end_of_the_last_day(self):
        clock = started().stop(Ending.DECIDED, at=moment("2026-11-09 23:59"))
        assert clock.ending is Ending.DECIDED
        refused(lambda: clock.lapse(at=moment("2026-11-10 00:00")), "ended")

    def test_row_24_too_late_from_midnight_on(self):
        clock, midnight = started(), moment("2026-11-10 00:00")
        assert clock.has_lapsed(midnight)
        refused(lambda: clock.stop(Ending.DECIDED, at=midnight), "lapsed")
        refused(lambda: clock.stop(Ending.WITHDRAWN, at=midnight), "lapsed")
        refused(lambda: clock.lapse(at=moment("2026-11-09 23:59")), "not_due")
        lapsed = clock.lapse(at=moment("2026-11-17"))
        assert (lapsed.ending, lapsed.ended_at, lapsed.consumed(moment("2026-11-17"))) == (
            Ending.LAPSED,
            midnight,
            5,
        )


class TestStages:
    def test_row_25_a_stage_has_the_days_after_it_began(self):
        at = moment("2026-11-02")
        clock = started().open_stage("verification", at=at)
        assert clock.stage_due("verification") == day("11-04")
        clock = clock.close_stage("verification", at=moment("2026-11-03")).open_stage(
            "approval", at=moment("2026-11-03")
        )
        now = moment("2026-11-06")
        assert clock.consumed_in("verification", now) == 1
        assert clock.consumed_in("approval", now) == 2
        assert clock.stage_due("approval") == day("11-06")

    def test_row_26_two_stages_on_one_day(self):
        now = moment("2026-11-03")
        clock = started().open_stage("verification", at=moment("2026-11-02"))
        clock = clock.close_stage("verification", at=now).open_stage("approval", at=now)
        clock = clock.close_stage("approval", at=now)
        assert clock.consumed_in("approval", moment("2026-11-20")) == 0
        assert clock.consumed_in("verification", moment("2026-11-20")) == 1


class TestWarning:
    def test_row_27_once_when_eighty_percent_are_used_up(self):
        clock = started()
        assert clock.warns_at() == moment("2026-11-07 00:00")
        refused(lambda: clock.warn(at=moment("2026-11-06 23:59")), "not_due")
        warned = clock.warn(at=moment("2026-11-07 00:00"))
        assert warned.warns_at() is None
        refused(lambda: warned.warn(at=moment("2026-11-08")), "warned_already")

    def test_row_27_time_of_one_day_warns_when_it_begins(self):
        clock = started(terms=ClockTerms(working_days=1))
        assert clock.warns_at() == moment("2026-11-03 00:00")

    def test_row_27_each_stage_warns_of_its_own_days(self):
        clock = started().open_stage("verification", at=moment("2026-11-02"))
        assert clock.warns_at("verification") == moment("2026-11-04 00:00")
        assert clock.warn("verification", at=moment("2026-11-04")).warned == ("verification",)
        assert clock.warns_at("approval") is None
