"""The decision on an application, or its lapse; and what is made of it: signed, issued, handed over."""

from datetime import datetime

from gerai.contracts import licensing as said
from gerai.contracts.licensing import ApplicationState
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.licensing.domain.case import Basis
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.permit_type import APPROVAL_STAGE, PermitType
from gerai.licensing.domain.reasons import RejectionReason
from gerai.licensing.domain.remedies import RULES, Remedies, RemedyRules
from gerai.licensing.domain.steps import StepName
from gerai.licensing.domain.working_days import Almanac, day_after


class Deciding(Remedies):
    def approve(self, *, permit_id: str, at: datetime, actor: Actor) -> None:
        """The permit is granted. Refused to whoever filed or reviewed, and to whoever uses the power of such a one."""
        self._catch_up(at)
        self._require(StepName.APPROVE, actor, at)
        self._grant_by_decision(Basis.DECISION, permit_id, at=at, actor=actor)

    def reject(
        self,
        reason: RejectionReason,
        *,
        almanac: Almanac,
        at: datetime,
        actor: Actor,
        rules: RemedyRules = RULES,
    ) -> None:
        """No permit. The letter with the grounds is made of the case; the reason is a code."""
        self._catch_up(at)
        self._require(StepName.REJECT, actor, at)
        self._stop_clock(Ending.DECIDED, at=at)
        self.review = self.review.stop(at=at)
        self.remedy_until = almanac.calendar.nth_from(day_after(almanac.day_of(at)), rules.object_within)
        self._say(
            said.ApplicationRejected,
            at=at,
            actor=actor,
            to=ApplicationState.REJECTED,
            reason=reason,
            objection_until=self.remedy_until,
        )

    def lapse(self, type: PermitType, *, permit_id: str, at: datetime) -> None:
        """The legal time has run out. The law grants the permit where the type says so; else the superior must see to
        it. Raises UnableToLapseClock before that, and after a decision."""
        self._require_type(type)
        self._catch_up(at)
        self._require(StepName.LAPSE, SYSTEM, at)
        assert type.lapse is not None
        deemed = type.lapse.deemed_approval
        self.clock = self.running.lapse(at=at)
        outcome = "deemed_approval" if deemed else "escalation"
        self._say(said.ClockLapsed, at=at, actor=SYSTEM, outcome=outcome, **self._deadline())
        if not deemed:
            self.escalated_at = at
            self._say(said.ApplicationEscalated, at=at, actor=SYSTEM)
            return
        self.review = self.review.stop(at=at)
        self.basis, self.permit_id, self.goes_on_as = Basis.DEEMED_APPROVAL, permit_id, None
        self._say(
            said.PermitDeemedApproved,
            at=at,
            actor=SYSTEM,
            to=ApplicationState.DEEMED_APPROVED,
            permit_id=permit_id,
            legal_basis=type.lapse.legal_basis,
        )

    def sign(self, *, at: datetime, actor: Actor = SYSTEM) -> None:
        """The signer has signed the permit's paper."""
        self._require(StepName.SIGN, actor, at)
        self._say(
            said.ApplicationSigned, at=at, actor=actor, to=ApplicationState.SIGNED, permit_id=self.permit_id
        )

    def issue(self, *, at: datetime, actor: Actor = SYSTEM) -> None:
        """The permit is in force."""
        self._require(StepName.ISSUE, actor, at)
        self._say(
            said.ApplicationIssued, at=at, actor=actor, to=ApplicationState.ISSUED, permit_id=self.permit_id
        )

    def hand_over(self, *, at: datetime, actor: Actor) -> None:
        self._require(StepName.HAND_OVER, actor, at)
        self._say(said.ApplicationHandedOver, at=at, actor=actor, to=ApplicationState.HANDED_OVER)

    def _request_approval(self, *, at: datetime, actor: Actor) -> None:
        self.clock = self.running.open_stage(APPROVAL_STAGE, at=at)
        self._say(said.ApprovalRequested, at=at, actor=actor, to=ApplicationState.APPROVAL)

    def _grant_by_decision(self, basis: Basis, permit_id: str, *, at: datetime, actor: Actor) -> None:
        self._stop_clock(Ending.DECIDED, at=at)
        self.basis, self.permit_id = basis, permit_id
        self._say(
            said.ApplicationApproved,
            at=at,
            actor=actor,
            to=ApplicationState.SIGNING,
            permit_id=permit_id,
            reason="declaration" if basis is Basis.DECLARATION else None,
            delegated_by=actor.delegated_by,
        )
