"""The legal clock: how many working days an office has used, and the day by which it must have decided.

One rule decides each day: **a working day counts for the office if the file lay with the office when the day began.** So the
day after the file came in is the first, the day of a question still counts, the day of its answer does not. README.md
lists what follows from it, row by row.

The clock writes down one mark for each day, from its first to its last. Days that are over keep their marks, whatever
happens later; only days to come are marked anew, when a pause, an answer, an outage or another calendar changes them.
That is why no operation can set it back: there is none that touches a day that is over, but for a decree that gives one
back, which moves the deadline and leaves what is used as it was.
"""

from datetime import date, datetime, timedelta
from typing import Any

from gerai.licensing.domain import clock_refusals as refuse
from gerai.licensing.domain.clock_records import ClockValue, Ending, Note, Pause, PauseEnd, StageSpan
from gerai.licensing.domain.clock_terms import ClockTerms, PauseKind, PauseReason
from gerai.licensing.domain.working_days import Almanac, DayMark, day_after, local_day, start_of
from gerai.messaging.refusal import Refusal

COUNTED, GIVEN_BACK, PAUSED = DayMark.COUNTED.value, DayMark.GIVEN_BACK.value, DayMark.PAUSED.value
NOTED = {DayMark.HOLIDAY.value, DayMark.OUTAGE.value, GIVEN_BACK}
FARTHEST_DAYS = 4_000
"""A calendar that needs more days than these for what is left of a clock has no working days to speak of."""
WHOLE = "total"
"""The scope of a warning that is about the whole time, not about one stage."""


class LegalClock(ClockValue):
    """A value: each operation answers the clock that is from now on. The domain that owns it says what changed."""

    terms: ClockTerms
    zone: str
    """IANA name: the clock's days are local to it."""
    started_at: datetime
    """The file was complete."""
    first: date
    """The first day that has a mark."""
    marks: str = ""
    """One letter (`DayMark`) for each day from `first` to the last day of the legal time."""
    notes: tuple[Note, ...] = ()
    reckoned_with: str = ""
    """The version of the almanac behind the marks of the days to come."""
    pauses: tuple[Pause, ...] = ()
    stages: tuple[StageSpan, ...] = ()
    warned: tuple[str, ...] = ()
    """The scopes of which a warning was given."""
    ending: Ending | None = None
    ended_at: datetime | None = None

    @classmethod
    def start(cls, terms: ClockTerms, *, almanac: Almanac, at: datetime) -> "LegalClock":
        """The file is complete. Raises UnableToReckonClock, as everything that marks days."""
        today = almanac.day_of(at)
        first = today if terms.arrival_day_counts else day_after(today)
        clock = cls(terms=terms, zone=almanac.zone, started_at=at, first=first)
        return clock._marked_from(first, almanac)

    @property
    def due(self) -> date:
        """The last day of the legal time. While a pause is open: the last day if the whole budget is used."""
        return self.first + timedelta(days=len(self.marks) - 1)

    @property
    def lapses_at(self) -> datetime:
        """The instant, UTC, from which it is too late: the end of the last day."""
        return start_of(day_after(self.due), self.zone)

    @property
    def last_instant(self) -> datetime:
        """The last at which a clock can be stopped; the store keeps milliseconds."""
        return self.lapses_at - timedelta(milliseconds=1)

    def has_lapsed(self, at: datetime) -> bool:
        """Whether the time has run out, also where nobody has noted it yet."""
        return self.ending is Ending.LAPSED or (self.ending is None and at >= self.lapses_at)

    def consumed(self, at: datetime) -> int:
        """Working days that are over and counted; of a clock that has ended, up to the day of its end."""
        over = self._marks_before(self._first_not_over(at))
        return over.count(COUNTED) + over.count(GIVEN_BACK)

    def left(self, at: datetime) -> int:
        """Working days that are not over yet, with today's."""
        over = self._marks_before(self._first_not_over(at))
        return self.terms.working_days - over.count(COUNTED)

    def day_of(self, at: datetime) -> date:
        return local_day(at, self.zone)

    # pauses

    @property
    def open_pause(self) -> Pause | None:
        return self.pauses[-1] if self.pauses and self.pauses[-1].until is None else None

    def is_paused(self, at: datetime) -> bool:
        """Whether the file is with the applicant: asked, not answered, and the budget not used up."""
        resumes = self.resumes_at
        return resumes is not None and at < resumes

    @property
    def resumes_at(self) -> datetime | None:
        """When an open pause ends by itself, because the budget is used up then."""
        if (pause := self.open_pause) is None:
            return None
        return start_of(day_after(self._last_paused_day(pause)), self.zone)

    def days_paused(self, kind: PauseKind, *, until: date | None = None) -> int:
        """Working days of the budget that are used; with those that an open pause may still use, unless `until` says
        the last day to look at."""
        return sum(self._days_of(pause, until) for pause in self.pauses if pause.kind is kind)

    def days_in(self, pause: Pause) -> int:
        """Working days that a pause took, or may still take."""
        return self._days_of(pause, None)

    def pause(self, kind: PauseKind, reason: PauseReason, *, almanac: Almanac, at: datetime) -> "LegalClock":
        """The applicant is asked. From the day after on the file is with the applicant."""
        if (refusal := self.refusal_to_pause(kind, at)) is not None:
            raise refusal
        today = self.day_of(at)
        pause = Pause(kind=kind, reason=reason, since=today, asked_at=at)
        paused = self._with(pauses=(*self.pauses, pause))
        return paused._marked_from(max(self.first, day_after(today)), almanac)

    def refusal_to_pause(self, kind: PauseKind, at: datetime) -> Refusal | None:
        """Why the applicant can't be asked now; None: they can."""
        if self.ending is not None:
            return refuse.UnableToPauseClock("ended")
        if at >= self.lapses_at:
            return refuse.UnableToPauseClock("lapsed", lapsed_at=self.lapses_at.isoformat())
        if self.open_pause is not None:
            return refuse.UnableToPauseClock("paused_already")
        budget = self.terms.budget(kind)
        if sum(pause.kind is kind for pause in self.pauses) >= budget.times:
            return refuse.UnableToPauseClock("times_used_up", times=budget.times)
        if self.days_paused(kind) >= budget.days:
            return refuse.UnableToPauseClock("days_used_up", days=budget.days)
        counted = self._marks_before(day_after(self.day_of(at))).count(COUNTED)
        return refuse.UnableToPauseClock("last_day") if counted >= self.terms.working_days else None

    def answer(self, *, almanac: Almanac, at: datetime) -> "LegalClock":
        """The answer came. The office has the file again from the day after, as at the start."""
        self._require_running(refuse.UnableToResumeClock, at)
        pause = self.open_pause
        if pause is None or not self.is_paused(at):
            raise refuse.UnableToResumeClock("not_paused")
        today = self.day_of(at)
        last = today - timedelta(days=1) if self.terms.arrival_day_counts else today
        ended = self._with_pause_ended(max(last, pause.since), PauseEnd.ANSWERED)
        return ended._marked_from(max(self.first, day_after(max(last, pause.since))), almanac)

    def resume_by_itself(self, *, at: datetime) -> "LegalClock":
        """The budget is used up; the days that follow count already."""
        pause = self.open_pause
        if pause is None:
            raise refuse.UnableToResumeClock("not_paused")
        if self.is_paused(at):
            raise refuse.UnableToResumeClock("budget_left")
        return self._with_pause_ended(self._last_paused_day(pause), PauseEnd.BUDGET_USED_UP)

    # stages

    def open_stage(self, stage: str, *, at: datetime) -> "LegalClock":
        """The stage has the file from the day after on; the first ones from the clock's first day."""
        after = self.first - timedelta(days=1) if at == self.started_at else self.day_of(at)
        return self._with(stages=(*self.stages, StageSpan(stage=stage, after=after)))

    def close_stage(self, stage: str, *, at: datetime) -> "LegalClock":
        until = self.day_of(at)
        return self._with(
            stages=tuple(
                span.model_copy(update={"until": until})
                if span.stage == stage and span.until is None
                else span
                for span in self.stages
            )
        )

    def consumed_in(self, stage: str, at: datetime) -> int:
        """Working days of a stage that are over and counted."""
        today = self._first_not_over(at)
        return sum(
            marks.count(COUNTED) + marks.count(GIVEN_BACK)
            for marks in (self._marks_of(span, before=today) for span in self.stages if span.stage == stage)
        )

    def stage_due(self, stage: str) -> date | None:
        """The last day of an open stage; None where it is not open. Never later than the clock's own."""
        span = next((span for span in self.stages if span.stage == stage and span.until is None), None)
        if span is None:
            return None
        index = self._nth_counted(self.terms.days_of(stage), after=span.after)
        return self.due if index is None else self.first + timedelta(days=index)

    # warnings and the end

    def warns_at(self, scope: str = WHOLE) -> datetime | None:
        """When so much of the time (80 %) is used that a warning is due; of time for one day: when it begins. None where
        it was given, or the stage is not open, or will not have used so much before the whole time is over."""
        if scope in self.warned or self.ending is not None:
            return None
        after, days = self.first - timedelta(days=1), self.terms.working_days
        if scope != WHOLE:
            span = next((span for span in self.stages if span.stage == scope and span.until is None), None)
            if span is None:
                return None
            after, days = span.after, self.terms.days_of(scope)
        threshold = min(-(-days * self.terms.warn_at_percent // 100), days - 1)
        if threshold == 0:
            return start_of(max(day_after(after), self.first), self.zone)
        index = self._nth_counted(threshold, after=after)
        return None if index is None else start_of(self.first + timedelta(days=index + 1), self.zone)

    def warn(self, scope: str = WHOLE, *, at: datetime) -> "LegalClock":
        """Once for the whole time and once for each stage."""
        if self.ending is not None:
            raise refuse.UnableToWarnOfClock("ended")
        if scope in self.warned:
            raise refuse.UnableToWarnOfClock("warned_already")
        warns_at = self.warns_at(scope)
        if warns_at is None or at < warns_at:
            raise refuse.UnableToWarnOfClock("not_due")
        return self._with(warned=(*self.warned, scope))

    def lapse(self, *, at: datetime) -> "LegalClock":
        """Nobody decided in time."""
        if self.ending is not None:
            raise refuse.UnableToLapseClock("ended")
        if at < self.lapses_at:
            raise refuse.UnableToLapseClock("not_due")
        return self._ended(Ending.LAPSED, self.lapses_at)

    def stop(self, ending: Ending, *, at: datetime) -> "LegalClock":
        """It was decided or withdrawn in time."""
        self._require_running(refuse.UnableToStopClock, at)
        return self._ended(ending, at)

    def reschedule(
        self, *, almanac: Almanac, at: datetime, declared_at: datetime | None = None
    ) -> "LegalClock":
        """Another calendar, or another outage, holds from today on. Days that are over stay as they were counted; those
        that a decree gives back move the deadline. `declared_at`: when it was declared, where that was earlier than
        `at`. A time that had run out by then stays run out."""
        self._require_running(refuse.UnableToRescheduleClock, declared_at or at)
        since = max(self.first, min(self.day_of(at), day_after(self.due)))
        return self._given_back(almanac, before=since)._marked_from(since, almanac)

    # the marks

    def _marked_from(self, since: date, almanac: Almanac) -> "LegalClock":
        """Marks every day from `since` on anew, until the last one is counted."""
        kept = self._marks_before(since)
        left = self.terms.working_days - kept.count(COUNTED)
        added: list[str] = []
        ordinal, mark_of = since.toordinal(), almanac.marks
        farthest, absences = ordinal + FARTHEST_DAYS, self._absences_from(since)
        while left > 0:
            mark = mark_of[ordinal]
            if mark == COUNTED:
                if ordinal <= absences.until and absences.take(ordinal):
                    mark = PAUSED
                else:
                    left -= 1
            added.append(mark)
            ordinal += 1
            if ordinal > farthest:
                raise refuse.UnableToReckonClock("no_working_days")
        days = (since + timedelta(days=index) for index, mark in enumerate(added) if mark in NOTED)
        notes = [Note(day=day, text=almanac.note(day)) for day in days]
        if self.notes:
            notes = [*(note for note in self.notes if note.day < since), *notes]
        return self._with(marks=kept + "".join(added), notes=tuple(notes), reckoned_with=almanac.version)

    def _absences_from(self, since: date) -> "_Absences":
        yesterday = since - timedelta(days=1)
        pauses = [pause for pause in self.pauses if pause.until is None or pause.until >= since]
        kinds = {pause.kind for pause in pauses}
        left = {
            kind: self.terms.budget(kind).days - self.days_paused(kind, until=yesterday) for kind in kinds
        }
        return _Absences(pauses, left)

    def _given_back(self, almanac: Almanac, *, before: date) -> "LegalClock":
        if not almanac.outages:
            return self
        marks, notes = list(self.marks), list(self.notes)
        for index in range(min(len(marks), (before - self.first).days)):
            day = self.first + timedelta(days=index)
            if marks[index] == COUNTED and (outage := almanac.outage_on(day)) is not None:
                marks[index] = GIVEN_BACK
                notes.append(Note(day=day, text=outage.decree))
        return self._with(marks="".join(marks), notes=tuple(sorted(notes, key=lambda note: note.day)))

    def _first_not_over(self, at: datetime) -> date:
        today = self.day_of(at)
        return today if self.ended_at is None else min(today, day_after(self.day_of(self.ended_at)))

    def _marks_before(self, day: date) -> str:
        return self.marks[: max(0, (day - self.first).days)]

    def _marks_between(self, after: date, until: date) -> str:
        begin, end = (after - self.first).days + 1, (until - self.first).days + 1
        return self.marks[max(0, begin) : max(0, end)]

    def _marks_of(self, span: StageSpan, *, before: date) -> str:
        yesterday = before - timedelta(days=1)
        return self._marks_between(span.after, min(span.until or yesterday, yesterday))

    def _days_of(self, pause: Pause, until: date | None) -> int:
        last = min(pause.until or self.due, until or self.due)
        return self._marks_between(pause.since, last).count(PAUSED)

    def _last_paused_day(self, pause: Pause) -> date:
        """Of an open pause: the day with which the budget is used up; the day of the question where none was left."""
        index = self.marks.rfind(PAUSED)
        return max(pause.since, self.first + timedelta(days=index)) if index >= 0 else pause.since

    def _nth_counted(self, n: int, *, after: date) -> int | None:
        """The index of the n-th counted mark after a day; None where there are fewer."""
        index = max(0, (after - self.first).days + 1) - 1
        for _ in range(n):
            index = self.marks.find(COUNTED, index + 1)
            if index < 0:
                return None
        return index

    def _require_running(self, refusal: type[Refusal], at: datetime) -> None:
        if self.ending is not None:
            raise refusal("ended")
        if at >= self.lapses_at:
            raise refusal("lapsed", lapsed_at=self.lapses_at.isoformat())

    def _ended(self, ending: Ending, at: datetime) -> "LegalClock":
        ended = self._with(ending=ending, ended_at=at)
        return ended._with_pause_ended(self.day_of(at), PauseEnd.CLOCK_ENDED) if self.open_pause else ended

    def _with_pause_ended(self, until: date, ended_by: PauseEnd) -> "LegalClock":
        ended = self.pauses[-1].model_copy(update={"until": until, "ended_by": ended_by})
        return self._with(pauses=(*self.pauses[:-1], ended))

    def _with(self, **changes: Any) -> "LegalClock":
        return self.model_copy(update=changes)


class _Absences:
    """The pauses that cover days to be marked: each takes the working days after its question, up to its end, while the
    budget of its kind lasts."""

    def __init__(self, pauses: list[Pause], left: dict[PauseKind, int]) -> None:
        self._spans = [
            (pause.since.toordinal(), (pause.until or date.max).toordinal(), pause.kind) for pause in pauses
        ]
        self._left = left
        self.until = max((until for _, until, _ in self._spans), default=0)
        """The last day, as an ordinal, that any of them may take."""

    def take(self, ordinal: int) -> bool:
        for after, until, kind in self._spans:
            if after < ordinal <= until and self._left[kind] > 0:
                self._left[kind] -= 1
                return True
        return False
