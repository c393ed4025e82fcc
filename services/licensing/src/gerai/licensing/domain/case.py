"""What an application is at any moment, who holds it, and what can be done with it now."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.contracts.licensing import ApplicationEvent, ApplicationState
from gerai.licensing.domain.actor import SYSTEM, Actor, Role
from gerai.licensing.domain.completeness import Submission
from gerai.licensing.domain.json_text import EMPTY, JsonText
from gerai.licensing.domain.legal_clock import LegalClock
from gerai.licensing.domain.marks import Mark
from gerai.licensing.domain.paper import Paper
from gerai.licensing.domain.permit_type import PermitType
from gerai.licensing.domain.review import Review, ReviewTask
from gerai.licensing.domain.steps import (
    FILERS,
    REVIEWERS,
    STATE_WORDS,
    TABLE,
    UNDER_REVIEW,
    Offer,
    Step,
    StepName,
    TaskNeed,
    UnableToActHere,
    UnableToTakeStep,
)
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, Term

MOST_STEPS = 600
HANDS = REVIEWERS | FILERS | {Role.FEE_OFFICER}
"""Who acted in one of these roles does not decide on the application."""
OF_THE_ISSUER = frozenset({Role.FRONT_OFFICER, Role.FEE_OFFICER, Role.APPROVER})
"""Roles that act for the institution that issues the permit."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Basis(StrEnum):
    """What a permit stands on."""

    DECISION = "decision"
    DECLARATION = "declaration"
    DEEMED_APPROVAL = "deemed_approval"
    OBJECTION = "objection"
    APPEAL = "appeal"


class FollowKind(StrEnum):
    RENEWAL = "renewal"
    CHANGE = "change"


class Follows(_Value):
    """The permit that the application is to renew or to change."""

    kind: FollowKind
    permit_id: str


class Entry(_Value):
    """One step, as it is kept for good. `version`: of the application after it."""

    event: str
    actor: str
    role: Role
    institution_id: str | None
    delegated_by: str | None = None
    from_state: ApplicationState | None
    to_state: ApplicationState
    reason: str | None
    at: datetime
    version: int


class HolderKind(StrEnum):
    APPLICANT = "applicant"
    OFFICE = "office"
    NOBODY = "nobody"
    """It is over."""


class Holder(_Value):
    """Who has the file now, and since when."""

    kind: HolderKind
    institution_ids: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()
    """Those who work on it; none: it lies in a pool."""
    since: datetime


class Case(Aggregate):
    """The state; what happens to it stands in the classes that follow, up to `Application`."""

    collection: ClassVar[str] = "applications"
    word: ClassVar[Term] = Term("application", LocalizedText("permohonan", "application"))
    followed: ClassVar[bool] = True

    party_id: str
    permit_type: str
    type_version: int
    institution_id: str
    state: ApplicationState = ApplicationState.DRAFT
    since: datetime
    """When it came into its present state."""
    follows: Follows | None = None
    answers: JsonText = EMPTY
    """The form."""
    papers: tuple[Paper, ...] = ()
    """The newest of each kind."""
    submissions: tuple[Submission, ...] = ()
    marks: tuple[Mark, ...] = ()
    """What the applicant is to mend now."""
    clock: LegalClock | None = None
    review: Review = Review()
    goes_on_as: ApplicationState | None = None
    """While the applicant is asked: the state to go back to."""
    fee: int | None = None
    bill_id: str | None = None
    basis: Basis | None = None
    permit_id: str | None = None
    escalated_at: datetime | None = None
    remedy_until: date | None = None
    """The last day for the next step of an objection or an appeal, whosever turn it is."""
    trail: tuple[Entry, ...] = ()

    def offers(self, *actors: Actor, at: datetime) -> tuple[Offer, ...]:
        """What can be done now by somebody who may act in these roles."""
        now = self.forked()
        now._catch_up(at)
        stages = now.review.open_stages
        found: dict[Offer, None] = {}
        for name, step in TABLE.items():
            for stage in stages if step.task else (None,):
                if any(now.refusal_of(name, actor, at, stage=stage) is None for actor in actors):
                    found[Offer(step=name, stage=stage)] = None
        return tuple(found)

    def refusal_of(
        self, name: StepName, actor: Actor, at: datetime, *, stage: str | None = None
    ) -> Refusal | None:
        """Why the step can't be taken; None: it can."""
        step = TABLE[name]
        words = {"step": Term(name.value, step.words), "state": STATE_WORDS[self.state]}
        if self.state not in step.states:
            return UnableToTakeStep("wrong_state", **words)
        if actor.role not in step.roles:
            return UnableToActHere("wrong_role", **words)
        if (refusal := self._refusal_of_person(step, actor, stage)) is not None:
            return refusal
        if (
            step.in_time
            and self.clock is not None
            and self.clock.ending is None
            and self.clock.has_lapsed(at)
        ):
            return UnableToTakeStep("lapsed", **words)
        if len(self.trail) >= MOST_STEPS and actor.role is not Role.SYSTEM and not step.four_eyes:
            return UnableToTakeStep("too_many_steps", **words)
        return self._refusal_of_clock(name, at)

    def _refusal_of_person(self, step: Step, actor: Actor, stage: str | None) -> Refusal | None:
        if actor.role is Role.APPLICANT and actor.party_id != self.party_id:
            return UnableToActHere("not_yours")
        if actor.role in OF_THE_ISSUER and actor.institution_id != self.institution_id:
            return UnableToActHere("other_institution")
        if step.four_eyes and actor.persons & self.hands():
            return UnableToActHere("four_eyes")
        return self._refusal_of_task(step.task, actor, stage) if step.task else None

    def _refusal_of_task(self, need: TaskNeed, actor: Actor, stage: str | None) -> Refusal | None:
        task = self.review.task(stage or "", actor.institution_id)
        if task is None:
            return UnableToActHere("other_institution")
        if need is TaskNeed.OF_INSTITUTION:
            return None
        if task.role is not actor.role:
            return UnableToActHere("not_your_task")
        if need is TaskNeed.IN_POOL:
            return UnableToActHere("task_not_in_pool") if task.assignee is not None else None
        return UnableToActHere("not_your_task") if task.assignee != actor.id else None

    def _catch_up(self, at: datetime) -> None:
        """What time alone has brought about. See `timed`."""

    def _refusal_of_clock(self, name: StepName, at: datetime) -> Refusal | None:
        """Beyond the table: whether the clock's budget allows it. See `timed`."""
        return None

    def hands(self) -> frozenset[str]:
        """Who filed it, reviewed it, or refused it before: none of them decides on it."""
        refused = "ApplicationRejected"
        return frozenset(
            person
            for entry in self.trail
            if entry.role in HANDS or entry.event in (refused, "RemedyDismissed")
            for person in (entry.actor, entry.delegated_by)
            if person is not None and person != SYSTEM.id
        )

    @property
    def holder(self) -> Holder:
        state = ApplicationState
        if self.state in (state.DRAFT, state.RETURNED, state.CLARIFICATION_REQUESTED, state.AWAITING_PAYMENT):
            return Holder(kind=HolderKind.APPLICANT, since=self.since)
        if self.state in UNDER_REVIEW:
            tasks = self.review.open_tasks
            return Holder(
                kind=HolderKind.OFFICE,
                institution_ids=tuple(dict.fromkeys(task.institution_id for task in tasks)),
                officers=tuple(dict.fromkeys(task.assignee for task in tasks if task.assignee)),
                since=min(task.since for task in tasks),
            )
        over = (state.HANDED_OVER, state.WITHDRAWN, state.APPEAL_DISMISSED)
        kind = HolderKind.NOBODY if self.state in over else HolderKind.OFFICE
        ids = (self.institution_id,) if kind is HolderKind.OFFICE else ()
        return Holder(kind=kind, institution_ids=ids, since=self.since)

    def _require(self, name: StepName, actor: Actor, at: datetime, *, stage: str | None = None) -> None:
        if (refusal := self.refusal_of(name, actor, at, stage=stage)) is not None:
            raise refusal

    def _task(self, stage: str, institution_id: str | None) -> ReviewTask:
        task = self.review.task(stage, institution_id)
        assert task is not None, "the step was allowed, so the task is there"
        return task

    def _require_type(self, type: PermitType) -> None:
        assert (type.code, type.version) == (self.permit_type, self.type_version), (
            "another version of the type"
        )

    def _say(
        self,
        event_type: type[ApplicationEvent],
        /,
        *,
        at: datetime,
        actor: Actor,
        to: ApplicationState | None = None,
        reason: str | None = None,
        **more: Any,
    ) -> None:
        """The step from the present state to another, or none: as an event, and in the trail."""
        before = self.state if self.trail else None
        code = None if reason is None else str(reason)
        if to is not None and (to is not self.state or before is None):
            self.state, self.since = to, at
        event = event_type(
            tenant=self.tenant,
            application_id=self.id,
            permit_type=self.permit_type,
            permit_type_version=self.type_version,
            institution_id=self.institution_id,
            party_id=self.party_id,
            from_state=before,
            to_state=self.state,
            actor=actor.id,
            role=actor.role.value,
            actor_institution_id=actor.institution_id,
            reason=code,
            **more,
        )
        self._record(event, at=at)
        entry = Entry(
            event=event_type.__name__,
            actor=actor.id,
            role=actor.role,
            institution_id=actor.institution_id,
            delegated_by=actor.delegated_by,
            from_state=before,
            to_state=self.state,
            reason=code,
            at=at,
            version=self.version_as_recorded,
        )
        self.trail = (*self.trail, entry)
