"""The legal clock of an application: what the clock does, said as events."""

from datetime import datetime
from typing import Any

from gerai.contracts import licensing as said
from gerai.contracts.licensing import ApplicationState
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.licensing.domain.case import Case
from gerai.licensing.domain.clock_explanation import ExplainedDay, explain
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.clock_terms import PauseKind, PauseReason
from gerai.licensing.domain.legal_clock import WHOLE, LegalClock
from gerai.licensing.domain.permit_type import PermitType
from gerai.licensing.domain.steps import StepName
from gerai.licensing.domain.working_days import Almanac
from gerai.messaging.refusal import Refusal

PAUSES = {StepName.ASK_APPLICANT: PauseKind.CLARIFICATION, StepName.REQUEST_PAYMENT: PauseKind.PAYMENT}


class Timed(Case):
    @property
    def running(self) -> LegalClock:
        """The clock, once the file was complete."""
        assert self.clock is not None, "the file was never complete"
        return self.clock

    def explain_clock(self, *, at: datetime) -> tuple[ExplainedDay, ...]:
        """Day by day; empty before the file is complete, and for what is granted by declaration."""
        return explain(self.clock, at=at) if self.clock is not None else ()

    def go_on(self, *, at: datetime) -> None:
        """The applicant's time is used up: the clock goes on by itself. Raises UnableToResumeClock before that."""
        clock = self.running
        pause, resumes = clock.open_pause, clock.resumes_at
        self.clock = clock.resume_by_itself(at=at)
        assert pause is not None
        assert resumes is not None
        self._say_resumed(pause.kind, at=resumes, actor=SYSTEM)
        if self.state is ApplicationState.CLARIFICATION_REQUESTED:
            self._leave_question(actor=SYSTEM, at=resumes, reason=self.clock.pauses[-1].ended_by)

    def reschedule(self, almanac: Almanac, *, at: datetime, declared_at: datetime | None = None) -> None:
        """Another calendar holds, or an outage was declared. Says so where the deadline is another day."""
        self._catch_up(at)
        before = self.running
        self.clock = before.reschedule(almanac=almanac, at=at, declared_at=declared_at)
        if self.clock.due != before.due:
            self._say(said.ClockRescheduled, at=at, actor=SYSTEM, due_before=before.due, **self._deadline())

    def warn(self, scope: str = WHOLE, *, at: datetime) -> None:
        """Whoever holds the file must know. Raises UnableToWarnOfClock where it is not due, or was said."""
        self.clock = self.running.warn(scope, at=at)
        stage = None if scope == WHOLE else scope
        left = self.clock.left(at) if stage is None else self._left_in(stage, at)
        self._say(said.ClockWarned, at=at, actor=SYSTEM, stage=stage, left=left, **self._deadline())

    def _left_in(self, stage: str, at: datetime) -> int:
        return max(0, self.running.terms.days_of(stage) - self.running.consumed_in(stage, at))

    def _start_clock(self, type: PermitType, almanac: Almanac, *, at: datetime) -> None:
        self.clock = LegalClock.start(type.terms, almanac=almanac, at=at)
        self._say(
            said.ClockStarted,
            at=at,
            actor=SYSTEM,
            working_days=self.clock.terms.working_days,
            first_day=self.clock.first,
            **self._deadline(),
        )

    def _pause_clock(
        self, kind: PauseKind, reason: PauseReason, *, almanac: Almanac, at: datetime, actor: Actor
    ) -> None:
        clock = self.running.pause(kind, reason, almanac=almanac, at=at)
        self.clock, resumes = clock, clock.resumes_at
        assert resumes is not None
        self._say(
            said.ClockPaused,
            at=at,
            actor=actor,
            reason=reason,
            kind=kind,
            resumes_at=resumes,
            consumed=clock.consumed(at),
            **self._deadline(),
        )

    def _resume_clock(self, *, almanac: Almanac, at: datetime, actor: Actor) -> None:
        pause = self.running.open_pause
        self.clock = self.running.answer(almanac=almanac, at=at)
        assert pause is not None
        self._say_resumed(pause.kind, at=at, actor=actor)

    def _stop_clock(self, ending: Ending, *, at: datetime) -> None:
        """A clock that lapsed into an escalation has ended already."""
        if self.clock is not None and self.clock.ending is None:
            self.clock = self.clock.stop(ending, at=at)

    def _catch_up(self, at: datetime) -> None:
        """What time alone has brought about, where its timer has not fired yet."""
        if self.clock is not None and self.clock.open_pause is not None and not self.clock.is_paused(at):
            self.go_on(at=at)

    def _leave_question(self, *, actor: Actor, at: datetime, reason: str | None = None) -> None:
        back, self.goes_on_as, self.marks = self.goes_on_as, None, ()
        self._say(said.ClarificationAnswered, at=at, actor=actor, to=back, reason=reason)

    def _say_resumed(self, kind: PauseKind, *, at: datetime, actor: Actor) -> None:
        clock = self.running
        pause = clock.pauses[-1]
        assert pause.ended_by is not None
        self._say(
            said.ClockResumed,
            at=at,
            actor=actor,
            kind=kind,
            ended_by=pause.ended_by,
            paused_days=clock.days_in(pause),
            **self._deadline(),
        )

    def _deadline(self) -> dict[str, Any]:
        return {"due": self.running.due, "lapses_at": self.running.lapses_at}

    def _refusal_of_clock(self, name: StepName, at: datetime) -> Refusal | None:
        kind = PAUSES.get(name)
        if (
            kind is None
            or self.clock is None
            or (kind is PauseKind.PAYMENT and self.escalated_at is not None)
        ):
            return None
        return self.clock.refusal_to_pause(kind, at)
