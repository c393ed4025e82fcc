"""An application for a permit, from the draft to the decision. Each step says its own event."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from gerai.contracts import licensing as said
from gerai.contracts.licensing import ApplicationState
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.licensing.domain.case import Basis, Follows
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.clock_terms import PauseKind, PauseReason
from gerai.licensing.domain.completeness import Change, Submission, compared, marks_of
from gerai.licensing.domain.json_text import JsonText
from gerai.licensing.domain.marks import MOST, OF_PEOPLE, Mark
from gerai.licensing.domain.paper import Paper
from gerai.licensing.domain.permit_type import PermitType
from gerai.licensing.domain.reasons import WithdrawalReason
from gerai.licensing.domain.reviewing import Reviewing
from gerai.licensing.domain.steps import FILERS, StepName, UnableToActHere
from gerai.licensing.domain.working_days import Almanac
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind

MOST_SUBMISSIONS = 20


class UnableToFileApplication(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "too_many_submissions": LocalizedText(
            "Permohonan ini sudah terlalu sering diajukan; ajukan permohonan baru.",
            "It was submitted too often; file a new application.",
        ),
    }


class UnableToAskApplicant(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "nothing_marked": LocalizedText("Tandai apa yang harus diperbaiki.", "Mark what is to be mended."),
        "mark_unknown": LocalizedText(
            "Tanda {target} tidak sesuai dengan permohonan.",
            "The mark {target} does not fit the application.",
        ),
        "reason_not_for_questions": LocalizedText(
            "Alasan ini hanya untuk pembayaran.", "This reason is for payments only."
        ),
    }


class Application(Reviewing):
    @classmethod
    def file(
        cls,
        type: PermitType,
        *,
        id: str,
        tenant: str,
        party_id: str,
        at: datetime,
        actor: Actor,
        follows: Follows | None = None,
    ) -> "Application":
        """Begins a draft. An officer at the counter may file for an applicant."""
        application = cls(
            id=id,
            tenant=tenant,
            party_id=party_id,
            permit_type=type.code,
            type_version=type.version,
            institution_id=type.institution,
            since=at,
            follows=follows,
        )
        if actor.role not in FILERS:
            raise UnableToActHere("wrong_role", step="file")
        if (refusal := application.refusal_of(StepName.CHANGE_DRAFT, actor, at)) is not None:
            raise refusal
        application._say(
            said.ApplicationFiled,
            at=at,
            actor=actor,
            to=ApplicationState.DRAFT,
            follows_permit_id=follows.permit_id if follows else None,
        )
        return application

    def change_draft(self, answers: dict[str, Any], *, at: datetime, actor: Actor) -> None:
        """Any answers: they are checked when it is submitted."""
        self._require(StepName.CHANGE_DRAFT, actor, at)
        self.answers = JsonText.of(answers)

    def add_paper(self, paper: Paper, *, at: datetime, actor: Actor) -> None:
        """A paper takes the place of the one of its kind; while it is asked for, too."""
        self._catch_up(at)
        asked = self.state is ApplicationState.CLARIFICATION_REQUESTED
        self._require(StepName.ANSWER if asked else StepName.CHANGE_DRAFT, actor, at)
        self.papers = (*(one for one in self.papers if one.kind != paper.kind), paper)

    def submit(self, *, at: datetime, actor: Actor) -> None:
        self._require(StepName.SUBMIT, actor, at)
        if len(self.submissions) >= MOST_SUBMISSIONS:
            raise UnableToFileApplication("too_many_submissions")
        self._keep_submission(at)
        self._say(
            said.ApplicationSubmitted,
            at=at,
            actor=actor,
            to=ApplicationState.SUBMITTED,
            submission=len(self.submissions),
        )

    def check_completeness(self, type: PermitType, *, almanac: Almanac, permit_id: str, at: datetime) -> None:
        """The system's own check: returned with a mark on each field and paper, or complete. Complete, the legal clock
        starts; what is granted by declaration is granted (`permit_id`)."""
        self._require_type(type)
        self._require(StepName.CHECK_COMPLETENESS, SYSTEM, at)
        self.marks = marks_of(type, self.answers.read(), self.papers)
        *earlier, last = self.submissions
        self.submissions = (*earlier, last.model_copy(update={"marks": self.marks}))
        if self.marks:
            self._say(
                said.ApplicationReturned,
                at=at,
                actor=SYSTEM,
                to=ApplicationState.RETURNED,
                submission=len(self.submissions),
                marks=len(self.marks),
            )
            return
        self._say(said.ApplicationCompleted, at=at, actor=SYSTEM, to=ApplicationState.COMPLETE)
        if type.by_declaration:
            self._grant_by_decision(Basis.DECLARATION, permit_id, at=at, actor=SYSTEM)
            return
        self._start_clock(type, almanac, at=at)
        self._open_next_stages(type, at=at, actor=SYSTEM)

    def ask_applicant(
        self,
        stage: str,
        marks: Sequence[Mark],
        reason: PauseReason,
        *,
        type: PermitType,
        almanac: Almanac,
        at: datetime,
        actor: Actor,
    ) -> None:
        """Sends the file to the applicant, with marks. The clock rests, out of the budget, and is never set back."""
        self._require_type(type)
        self._catch_up(at)
        self._require(StepName.ASK_APPLICANT, actor, at, stage=stage)
        self._require_marks(marks, type)
        if reason is PauseReason.PAYMENT_PENDING:
            raise UnableToAskApplicant("reason_not_for_questions", field="reason")
        self.marks, self.goes_on_as = tuple(marks), self.state
        *earlier, last = self.submissions
        self.submissions = (*earlier, last.model_copy(update={"marks": self.marks}))
        self._say(
            said.ClarificationRequested,
            at=at,
            actor=actor,
            to=ApplicationState.CLARIFICATION_REQUESTED,
            reason=reason,
            marks=len(marks),
        )
        self._pause_clock(PauseKind.CLARIFICATION, reason, almanac=almanac, at=at, actor=actor)

    def answer(self, answers: dict[str, Any], *, almanac: Almanac, at: datetime, actor: Actor) -> None:
        """The applicant's answer: the form as it is now; papers were added before. The review goes on where it was."""
        self._catch_up(at)
        self._require(StepName.ANSWER, actor, at)
        self.answers = JsonText.of(answers)
        self._keep_submission(at)
        self._resume_clock(almanac=almanac, at=at, actor=actor)
        self._leave_question(actor=actor, at=at)

    def withdraw(self, *, at: datetime, actor: Actor) -> None:
        """The applicant gives it up, at any stage before the decision."""
        self._catch_up(at)
        self._require(StepName.WITHDRAW, actor, at)
        self._stop_clock(Ending.WITHDRAWN, at=at)
        self.review, self.goes_on_as = self.review.stop(at=at), None
        self._say(
            said.ApplicationWithdrawn,
            at=at,
            actor=actor,
            to=ApplicationState.WITHDRAWN,
            reason=WithdrawalReason.APPLICANT_REQUEST,
        )

    def changes_since_before(self) -> tuple[Change, ...]:
        """What the newest submission changed; nothing where there is only one."""
        return compared(*self.submissions[-2:]) if len(self.submissions) > 1 else ()

    def _keep_submission(self, at: datetime) -> None:
        kept = Submission(at=at, answers=self.answers, papers=self.papers)
        self.submissions = (*self.submissions, kept)

    def _require_marks(self, marks: Sequence[Mark], type: PermitType) -> None:
        if not 0 < len(marks) <= MOST:
            raise UnableToAskApplicant("nothing_marked", field="marks")
        papers = {f"paper:{rule.kind}" for rule in type.papers}
        fields = {f"field:{name}" for name in type.form["properties"]}
        for mark in marks:
            if mark.code not in OF_PEOPLE or mark.target.split("/")[0] not in papers | fields:
                raise UnableToAskApplicant("mark_unknown", field="marks", target=mark.target)
