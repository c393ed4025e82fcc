"""Every step of an application in one table: from which states, by whom, under which conditions.

The table is asked twice: when a step is taken, and when a page asks what can be done now. So nothing is offered that
would be refused for its state, role, institution or four eyes, and nothing is allowed that is not offered.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.contracts.licensing import ApplicationState as State
from gerai.licensing.domain.actor import Role
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind, Term


class StepName(StrEnum):
    CHANGE_DRAFT = "change_draft"
    SUBMIT = "submit"
    CHECK_COMPLETENESS = "check_completeness"
    CLAIM = "claim"
    RELEASE = "release"
    REASSIGN = "reassign"
    RETURN_TO_POOL = "return_to_pool"
    SCHEDULE_INSPECTION = "schedule_inspection"
    REPORT_INSPECTION = "report_inspection"
    FINISH_REVIEW = "finish_review"
    ASK_APPLICANT = "ask_applicant"
    ANSWER = "answer"
    ASSESS_FEE = "assess_fee"
    REQUEST_PAYMENT = "request_payment"
    CONFIRM_PAYMENT = "confirm_payment"
    CLOSE_UNPAID = "close_unpaid"
    APPROVE = "approve"
    REJECT = "reject"
    LAPSE = "lapse"
    SIGN = "sign"
    ISSUE = "issue"
    HAND_OVER = "hand_over"
    OBJECT = "object"
    DECIDE_OBJECTION = "decide_objection"
    APPEAL = "appeal"
    DECIDE_APPEAL = "decide_appeal"
    WITHDRAW = "withdraw"


class TaskNeed(StrEnum):
    """Which task of a review the step is about."""

    IN_POOL = "in_pool"
    """One of the actor's institution and role that nobody works on."""
    OWN = "own"
    """One that the actor works on."""
    OF_INSTITUTION = "of_institution"
    """Any open one of the actor's institution."""


@dataclass(frozen=True, kw_only=True)
class Step:
    words: LocalizedText
    """As in "can't be …"."""
    states: frozenset[State]
    roles: frozenset[Role]
    task: TaskNeed | None = None
    four_eyes: bool = False
    """Not by who filed, reviewed, inspected or assessed."""
    in_time: bool = True
    """Refused once the legal time has run out, until the lapse is noted."""


UNDER_REVIEW = frozenset({State.VERIFICATION, State.TECHNICAL_REVIEW, State.INSPECTION})
WITH_CLOCK = UNDER_REVIEW | {
    State.COMPLETE,
    State.CLARIFICATION_REQUESTED,
    State.RECOMMENDED,
    State.NOT_RECOMMENDED,
    State.FEE_ASSESSED,
    State.AWAITING_PAYMENT,
    State.PAID,
    State.APPROVAL,
}
"""Undecided, and the legal clock has begun."""
UNDECIDED = WITH_CLOCK | {State.DRAFT, State.SUBMITTED, State.RETURNED}
REVIEWERS = frozenset({Role.VERIFIER, Role.REVIEWER, Role.INSPECTOR})
FILERS = frozenset({Role.APPLICANT, Role.FRONT_OFFICER})


def _step(indonesian: str, english: str, states: object, roles: object, **more: object) -> Step:
    return Step(
        words=LocalizedText(indonesian, english),
        states=frozenset({states} if isinstance(states, State) else states),  # type: ignore[call-overload]
        roles=frozenset({roles} if isinstance(roles, Role) else roles),  # type: ignore[call-overload]
        **more,  # type: ignore[arg-type]
    )


TABLE: dict[StepName, Step] = {
    StepName.CHANGE_DRAFT: _step("diubah", "changed", {State.DRAFT, State.RETURNED}, FILERS),
    StepName.SUBMIT: _step("diajukan", "submitted", {State.DRAFT, State.RETURNED}, FILERS),
    StepName.CHECK_COMPLETENESS: _step("diperiksa kelengkapannya", "checked", State.SUBMITTED, Role.SYSTEM),
    StepName.CLAIM: _step("diambil", "claimed", UNDER_REVIEW, REVIEWERS, task=TaskNeed.IN_POOL),
    StepName.RELEASE: _step("dilepas", "released", UNDER_REVIEW, REVIEWERS, task=TaskNeed.OWN),
    StepName.REASSIGN: _step(
        "dialihkan", "reassigned", UNDER_REVIEW, Role.SUPERVISOR, task=TaskNeed.OF_INSTITUTION
    ),
    StepName.RETURN_TO_POOL: _step(
        "dikembalikan ke daftar tugas", "returned to the pool", UNDER_REVIEW, Role.SYSTEM, in_time=False
    ),
    StepName.SCHEDULE_INSPECTION: _step(
        "dijadwalkan pemeriksaannya",
        "scheduled for inspection",
        UNDER_REVIEW,
        Role.INSPECTOR,
        task=TaskNeed.OWN,
    ),
    StepName.REPORT_INSPECTION: _step(
        "dilaporkan pemeriksaannya", "reported on", UNDER_REVIEW, Role.INSPECTOR, task=TaskNeed.OWN
    ),
    StepName.FINISH_REVIEW: _step("selesai ditinjau", "reviewed", UNDER_REVIEW, REVIEWERS, task=TaskNeed.OWN),
    StepName.ASK_APPLICANT: _step(
        "dimintakan penjelasan", "sent to the applicant", UNDER_REVIEW, REVIEWERS, task=TaskNeed.OWN
    ),
    StepName.ANSWER: _step("dijawab", "answered", State.CLARIFICATION_REQUESTED, FILERS),
    StepName.ASSESS_FEE: _step(
        "ditetapkan retribusinya", "assessed", State.RECOMMENDED, {Role.FEE_OFFICER, Role.SYSTEM}
    ),
    StepName.REQUEST_PAYMENT: _step("ditagih", "billed", State.FEE_ASSESSED, {Role.FEE_OFFICER, Role.SYSTEM}),
    StepName.CONFIRM_PAYMENT: _step(
        "dinyatakan lunas", "marked as paid", State.AWAITING_PAYMENT, Role.SYSTEM
    ),
    StepName.CLOSE_UNPAID: _step(
        "ditutup karena tidak dibayar", "closed as unpaid", State.AWAITING_PAYMENT, Role.SYSTEM, in_time=False
    ),
    StepName.APPROVE: _step("disetujui", "approved", State.APPROVAL, Role.APPROVER, four_eyes=True),
    StepName.REJECT: _step(
        "ditolak", "rejected", {State.APPROVAL, State.NOT_RECOMMENDED}, Role.APPROVER, four_eyes=True
    ),
    # what is not paid in time is closed, at the end of the time to pay: it does not lapse
    StepName.LAPSE: _step(
        "dinyatakan lewat waktu", "lapsed", WITH_CLOCK - {State.AWAITING_PAYMENT}, Role.SYSTEM, in_time=False
    ),
    StepName.SIGN: _step("ditandatangani", "signed", {State.SIGNING, State.DEEMED_APPROVED}, Role.SYSTEM),
    StepName.ISSUE: _step("diterbitkan", "issued", State.SIGNED, Role.SYSTEM),
    StepName.HAND_OVER: _step("diserahkan", "handed over", State.ISSUED, Role.FRONT_OFFICER),
    StepName.OBJECT: _step("dikeberatani", "objected to", State.REJECTED, FILERS),
    StepName.DECIDE_OBJECTION: _step(
        "diputus keberatannya", "decided on objection", State.OBJECTION, Role.APPROVER, four_eyes=True
    ),
    StepName.APPEAL: _step("dibanding", "appealed", State.OBJECTION_DISMISSED, FILERS),
    StepName.DECIDE_APPEAL: _step(
        "diputus bandingnya", "decided on appeal", State.APPEAL, Role.SUPERIOR, four_eyes=True
    ),
    StepName.WITHDRAW: _step("ditarik", "withdrawn", UNDECIDED, FILERS),
}

STATE_WORDS = {
    state: Term(state.value, localized)
    for state, localized in {
        State.DRAFT: LocalizedText("masih draf", "a draft"),
        State.SUBMITTED: LocalizedText("sedang diperiksa kelengkapannya", "being checked"),
        State.RETURNED: LocalizedText("dikembalikan untuk dilengkapi", "returned to be completed"),
        State.COMPLETE: LocalizedText("sudah lengkap", "complete"),
        State.VERIFICATION: LocalizedText("sedang diverifikasi", "being verified"),
        State.TECHNICAL_REVIEW: LocalizedText("sedang ditinjau secara teknis", "under technical review"),
        State.INSPECTION: LocalizedText("menunggu pemeriksaan lapangan", "waiting for its inspection"),
        State.CLARIFICATION_REQUESTED: LocalizedText(
            "menunggu penjelasan pemohon", "waiting for the applicant"
        ),
        State.RECOMMENDED: LocalizedText("direkomendasikan", "recommended"),
        State.NOT_RECOMMENDED: LocalizedText("tidak direkomendasikan", "not recommended"),
        State.FEE_ASSESSED: LocalizedText("sudah ditetapkan retribusinya", "assessed"),
        State.AWAITING_PAYMENT: LocalizedText("menunggu pembayaran", "waiting for its payment"),
        State.PAID: LocalizedText("sudah dibayar", "paid"),
        State.APPROVAL: LocalizedText("menunggu persetujuan", "waiting for its approval"),
        State.SIGNING: LocalizedText(
            "disetujui, menunggu tanda tangan", "approved, waiting for its signature"
        ),
        State.SIGNED: LocalizedText("sudah ditandatangani", "signed"),
        State.ISSUED: LocalizedText("sudah terbit", "issued"),
        State.HANDED_OVER: LocalizedText("sudah diserahkan", "handed over"),
        State.REJECTED: LocalizedText("ditolak", "rejected"),
        State.OBJECTION: LocalizedText("dalam keberatan", "under objection"),
        State.OBJECTION_DISMISSED: LocalizedText("keberatannya ditolak", "dismissed on objection"),
        State.APPEAL: LocalizedText("dalam banding", "under appeal"),
        State.APPEAL_DISMISSED: LocalizedText("bandingnya ditolak", "dismissed on appeal"),
        State.DEEMED_APPROVED: LocalizedText("disetujui karena lewat waktu", "approved by lapse of time"),
        State.WITHDRAWN: LocalizedText("sudah ditarik", "withdrawn"),
    }.items()
}


class Offer(BaseModel):
    """A step that somebody can take now; of a review's task, with its stage."""

    model_config = ConfigDict(frozen=True)

    step: StepName
    stage: str | None = None


class UnableToTakeStep(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "wrong_state": LocalizedText(
            "Permohonan tidak dapat {step}: statusnya {state}.",
            "The application can't be {step}: it is {state}.",
        ),
        "lapsed": LocalizedText(
            "Permohonan tidak dapat {step}: jangka waktunya sudah habis.",
            "The application can't be {step}: its legal time has run out.",
        ),
        "too_many_steps": LocalizedText(
            "Permohonan ini sudah terlalu sering diubah.", "The application was changed too often."
        ),
    }


class UnableToActHere(Refusal):
    """It can be done, but not by them."""

    kind = RefusalKind.FORBIDDEN
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "wrong_role": LocalizedText(
            "Peran Anda tidak berwenang: permohonan tidak dapat {step}.",
            "In this role the application can't be {step}.",
        ),
        "not_yours": LocalizedText(
            "Permohonan ini milik pemohon lain.", "The application is another applicant's."
        ),
        "other_institution": LocalizedText(
            "Instansi Anda tidak menangani bagian ini.", "Your institution does not handle this part."
        ),
        "four_eyes": LocalizedText(
            "Yang mengajukan atau meninjau tidak boleh memutuskan.",
            "Nobody decides on what they filed or reviewed.",
        ),
        "task_not_in_pool": LocalizedText(
            "Tugas ini tidak ada di daftar tugas.", "There is no such task in the pool."
        ),
        "not_your_task": LocalizedText("Tugas ini bukan tugas Anda.", "This task is not yours."),
    }
