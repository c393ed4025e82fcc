"""Objection (keberatan) to the office, appeal (banding) to its superior: UU 30/2014 art. 75 ff."""

from datetime import date, datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts import licensing as said
from gerai.contracts.licensing import ApplicationState
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.licensing.domain.case import Basis
from gerai.licensing.domain.steps import StepName
from gerai.licensing.domain.timed import Timed
from gerai.licensing.domain.working_days import Almanac, day_after
from gerai.messaging.refusal import LocalizedText, Refusal


class RemedyRules(BaseModel):
    """Days that an office can change: only the first is confirmed by more than one source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object_within: int = Field(default=21, ge=1, le=90)
    """Working days from the refusal (art. 77)."""
    decide_objection_within: int = Field(default=10, ge=1, le=90)
    appeal_within: int = Field(default=10, ge=1, le=90)
    decide_appeal_within: int = Field(default=10, ge=1, le=90)
    silence_grants: bool = True
    """No answer in time: the objection or appeal is granted."""


RULES = RemedyRules()


class UnableToSeekRemedy(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "too_late": LocalizedText(
            "Batas waktunya sudah lewat pada {until}.", "The time for it was over on {until}."
        ),
        "time_left": LocalizedText("Batas waktunya belum lewat.", "There is still time for an answer."),
        "silence_refuses": LocalizedText(
            "Tanpa jawaban, tidak ada yang dikabulkan.", "Silence grants nothing here."
        ),
        "nothing_open": LocalizedText(
            "Tidak ada keberatan atau banding.", "There is no objection or appeal."
        ),
    }


class Remedies(Timed):
    def object_to_rejection(
        self, *, almanac: Almanac, at: datetime, actor: Actor, rules: RemedyRules = RULES
    ) -> None:
        """The applicant says that the refusal is wrong."""
        self._require(StepName.OBJECT, actor, at)
        self._require_within(almanac.day_of(at))
        self.remedy_until = _last_day(rules.decide_objection_within, almanac, at)
        self._say(
            said.ObjectionFiled,
            at=at,
            actor=actor,
            to=ApplicationState.OBJECTION,
            decide_until=self.remedy_until,
        )

    def grant_objection(self, *, permit_id: str, at: datetime, actor: Actor) -> None:
        self._require(StepName.DECIDE_OBJECTION, actor, at)
        self._grant(Basis.OBJECTION, permit_id, at=at, actor=actor)

    def dismiss_objection(
        self, *, almanac: Almanac, at: datetime, actor: Actor, rules: RemedyRules = RULES
    ) -> None:
        self._require(StepName.DECIDE_OBJECTION, actor, at)
        self.remedy_until = _last_day(rules.appeal_within, almanac, at)
        self._say(
            said.RemedyDismissed,
            at=at,
            actor=actor,
            to=ApplicationState.OBJECTION_DISMISSED,
            appeal_until=self.remedy_until,
        )

    def appeal(self, *, almanac: Almanac, at: datetime, actor: Actor, rules: RemedyRules = RULES) -> None:
        self._require(StepName.APPEAL, actor, at)
        self._require_within(almanac.day_of(at))
        self.remedy_until = _last_day(rules.decide_appeal_within, almanac, at)
        self._say(
            said.AppealFiled, at=at, actor=actor, to=ApplicationState.APPEAL, decide_until=self.remedy_until
        )

    def grant_appeal(self, *, permit_id: str, at: datetime, actor: Actor) -> None:
        self._require(StepName.DECIDE_APPEAL, actor, at)
        self._grant(Basis.APPEAL, permit_id, at=at, actor=actor)

    def dismiss_appeal(self, *, at: datetime, actor: Actor) -> None:
        self._require(StepName.DECIDE_APPEAL, actor, at)
        self.remedy_until = None
        self._say(said.RemedyDismissed, at=at, actor=actor, to=ApplicationState.APPEAL_DISMISSED)

    def grant_by_silence(
        self, *, permit_id: str, almanac: Almanac, at: datetime, rules: RemedyRules = RULES
    ) -> None:
        """Nobody answered an objection or an appeal in time."""
        basis = {ApplicationState.OBJECTION: Basis.OBJECTION, ApplicationState.APPEAL: Basis.APPEAL}.get(
            self.state
        )
        if basis is None or self.remedy_until is None:
            raise UnableToSeekRemedy("nothing_open")
        if almanac.day_of(at) <= self.remedy_until:
            raise UnableToSeekRemedy("time_left")
        if not rules.silence_grants:
            raise UnableToSeekRemedy("silence_refuses")
        self._grant(basis, permit_id, at=at, actor=SYSTEM, reason="no_answer_in_time")

    def _grant(
        self, basis: Basis, permit_id: str, *, at: datetime, actor: Actor, reason: str | None = None
    ) -> None:
        self.basis, self.permit_id, self.remedy_until = basis, permit_id, None
        self._say(
            said.RemedyGranted,
            at=at,
            actor=actor,
            to=ApplicationState.SIGNING,
            reason=reason,
            permit_id=permit_id,
        )

    def _require_within(self, today: date) -> None:
        if self.remedy_until is not None and today > self.remedy_until:
            raise UnableToSeekRemedy("too_late", until=self.remedy_until.isoformat())


def _last_day(working_days: int, almanac: Almanac, at: datetime) -> date:
    return almanac.calendar.nth_from(day_after(almanac.day_of(at)), working_days)
