"""The states of applications, permits and bills."""

from enum import StrEnum


class ApplicationState(StrEnum):
    """Where an application (permohonan) is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    RETURNED = "returned"
    COMPLETE = "complete"
    VERIFICATION = "verification"
    TECHNICAL_REVIEW = "technical_review"
    INSPECTION = "inspection"
    CLARIFICATION_REQUESTED = "clarification_requested"
    RECOMMENDED = "recommended"
    NOT_RECOMMENDED = "not_recommended"
    FEE_ASSESSED = "fee_assessed"
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    APPROVAL = "approval"
    SIGNING = "signing"
    SIGNED = "signed"
    ISSUED = "issued"
    HANDED_OVER = "handed_over"
    REJECTED = "rejected"
    OBJECTION = "objection"
    OBJECTION_DISMISSED = "objection_dismissed"
    APPEAL = "appeal"
    APPEAL_DISMISSED = "appeal_dismissed"
    DEEMED_APPROVED = "deemed_approved"
    WITHDRAWN = "withdrawn"


class PermitState(StrEnum):
    """What a permit (izin) is worth now."""

    GRANTED = "granted"
    VALID = "valid"
    FROZEN = "frozen"
    REVOKED = "revoked"
    REPLACED = "replaced"
    EXPIRED = "expired"


class BillState(StrEnum):
    """What became of a bill (SKRD)."""

    OPEN = "open"
    PAID = "paid"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    """What a review or a stage found."""

    RECOMMENDED = "recommended"
    NOT_RECOMMENDED = "not_recommended"
