"""Whatever is done to a clock, in whatever order, on whatever calendars: what it has used never becomes less."""

from datetime import date, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from licensing_calendar import DAY, PlainCalendar, moment

from gerai.licensing.domain.clock_explanation import DayReason, explain
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.clock_terms import Budget, ClockTerms, PauseKind, PauseReason, StageTerm
from gerai.licensing.domain.legal_clock import WHOLE, LegalClock
from gerai.licensing.domain.working_days import Almanac, DayMark, Outage
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import Refusal

BEGIN = date(2026, 11, 1)
some_days = st.integers(-20, 60).map(lambda days: BEGIN + days * DAY)
weeks = st.sampled_from([(0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4, 5, 6), (1, 3), ()])
MOVES = {"pause", "answer", "reschedule"}
OPERATIONS = {
    "pause",
    "answer",
    "resume_by_itself",
    "reschedule",
    "open_stage",
    "close_stage",
    "warn",
    "lapse",
    "stop",
}


class Keeper(Aggregate):
    """Something that keeps a clock."""

    clock: LegalClock


class ClockMachine(RuleBasedStateMachine):
    @initialize(
        days=st.sampled_from([1, 2, 5, 8, 12]),
        clarification=st.builds(Budget, times=st.integers(0, 3), days=st.integers(0, 8)),
        payment=st.builds(Budget, times=st.integers(0, 1), days=st.integers(0, 8)),
        arrival_day_counts=st.booleans(),
        hour=st.integers(0, 23),
    )
    def begin(self, days, clarification, payment, arrival_day_counts, hour):
        self.now = moment(f"2026-11-02 {hour:02}:30")
        self.calendar, self.outages = PlainCalendar(), ()
        stages = (
            StageTerm(code="verification", working_days=1),
            StageTerm(code="approval", working_days=days),
        )
        terms = ClockTerms(
            working_days=days,
            stages=stages,
            clarification=clarification,
            payment=payment,
            arrival_day_counts=arrival_day_counts,
        )
        self.clock = LegalClock.start(terms, almanac=self.almanac, at=self.now)
        self.consumed, self.endings = 0, []

    @property
    def almanac(self) -> Almanac:
        return Almanac(self.calendar, self.outages)

    def attempt(self, operation: str, *more, **named) -> bool:
        before = self.clock
        today = before.day_of(self.now)
        try:
            after = getattr(before, operation)(*more, at=self.now, **named)
        except Refusal as refusal:
            assert refusal.text("id")
            assert refusal.text("en")
            return False
        assert after.consumed(self.now) == before.consumed(self.now), f"{operation} changed what is used"
        assert after.due == before.due or operation in MOVES, f"{operation} moved the deadline"
        over = max(0, (today - before.first).days)
        changed = {(a, b) for a, b in zip(before.marks[:over], after.marks[:over], strict=False) if a != b}
        assert changed <= {(DayMark.COUNTED, DayMark.GIVEN_BACK)}, "a day that is over has another mark"
        if before.ending is None and after.ending is not None:
            self.endings.append(after.ending)
        self.clock = after
        return True

    @rule(minutes=st.sampled_from([0, 1, 600, 1_440, 1_440, 3_000]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(kind=st.sampled_from(PauseKind), reason=st.sampled_from(PauseReason))
    def pause(self, kind, reason):
        due = self.clock.due
        if self.attempt("pause", kind, reason, almanac=self.almanac):
            assert self.clock.due > due
            assert not self.clock.has_lapsed(self.now)

    @rule()
    def answer(self):
        due = self.clock.due
        if self.attempt("answer", almanac=self.almanac) and self.clock.reckoned_with == self.almanac.version:
            assert self.clock.due <= due or self.calendar.version > 1

    @rule()
    def resume_by_itself(self):
        self.attempt("resume_by_itself")

    @rule(holidays=st.lists(some_days, max_size=25), week=weeks)
    def another_calendar(self, holidays, week):
        self.calendar = PlainCalendar(holidays, week=week, version=self.calendar.version + 1)
        if not self.attempt("reschedule", almanac=self.almanac):
            self.calendar = PlainCalendar(version=self.calendar.version + 1)
            self.attempt("reschedule", almanac=self.almanac)

    @rule(first=st.integers(-9, 9), days=st.integers(0, 9))
    def outage(self, first, days):
        begins = self.clock.day_of(self.now) + first * DAY
        self.outages = (*self.outages, Outage(decree="188", first=begins, last=begins + days * DAY))
        due = self.clock.due
        if self.attempt("reschedule", almanac=self.almanac):
            assert self.clock.due >= due

    @rule(
        stage=st.sampled_from(["verification", "approval"]),
        operation=st.sampled_from(["open_stage", "close_stage"]),
    )
    def stage(self, stage, operation):
        self.attempt(operation, stage)

    @rule(scope=st.sampled_from([WHOLE, "verification", "approval"]))
    def warn(self, scope):
        given = scope in self.clock.warned
        assert not (self.attempt("warn", scope) and given), "warned twice"

    @rule(ending=st.sampled_from([Ending.DECIDED, Ending.WITHDRAWN]), patience=st.integers(0, 4))
    def stop(self, ending, patience):
        if patience == 0 and self.attempt("stop", ending):
            assert self.now < self.clock.lapses_at

    @rule()
    def lapse(self):
        was_over = self.clock.has_lapsed(self.now)
        assert self.attempt("lapse") == (was_over and self.endings == []) or self.endings

    @invariant()
    def what_is_used_never_becomes_less(self):
        if hasattr(self, "clock"):
            assert self.clock.consumed(self.now) >= self.consumed
            self.consumed = self.clock.consumed(self.now)

    @invariant()
    def pauses_never_exceed_their_budgets(self):
        for kind in PauseKind if hasattr(self, "clock") else ():
            budget = self.clock.terms.budget(kind)
            assert self.clock.days_paused(kind) <= budget.days
            assert sum(pause.kind is kind for pause in self.clock.pauses) <= budget.times

    @invariant()
    def it_ends_once(self):
        if hasattr(self, "clock"):
            assert self.endings == ([self.clock.ending] if self.clock.ending else [])

    @invariant()
    def the_whole_time_is_counted_by_the_last_day(self):
        if hasattr(self, "clock"):
            assert self.clock.marks.count(DayMark.COUNTED) == self.clock.terms.working_days

    @invariant()
    def the_explanation_tells_every_day(self):
        if hasattr(self, "clock"):
            told = explain(self.clock, at=self.now)
            assert sum(day.counted and day.over for day in told) == self.clock.consumed(self.now)
            assert all(day.text("id") and day.text("en") for day in told)
            assert all(day.note for day in told if day.reason in (DayReason.HOLIDAY, DayReason.OUTAGE))
            if self.clock.ending is None:
                assert told[-1].day == self.clock.due

    @invariant()
    def survives_the_store(self):
        if hasattr(self, "clock"):
            kept = Keeper(id="1", tenant="muna-barat", clock=self.clock)
            read = Keeper.from_document(kept.document())
            assert read.clock == self.clock


TestClockMachine = ClockMachine.TestCase
TestClockMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_no_operation_sets_it_back():
    """These change a clock, the machine above plays all of them, and there is no other."""
    public = {
        name for name in vars(LegalClock) if not name.startswith("_") and callable(getattr(LegalClock, name))
    }
    changing = {
        name
        for name in public
        if "LegalClock" in str(getattr(LegalClock, name).__annotations__.get("return"))
    }
    assert changing == OPERATIONS | {"start"}
