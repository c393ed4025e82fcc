"""Fee, decision and what follows it, as steps of an application."""

from datetime import date

from gerai.contracts.licensing.applications import ApplicationEvent
from gerai.contracts.licensing.topics import APPLICATIONS


class FeeAssessed(ApplicationEvent, type="licensing.fee-assessed.v1", topic=APPLICATIONS):
    """The retribution is set."""

    amount: int
    """Whole rupiah."""


class PaymentRequested(ApplicationEvent, type="licensing.payment-requested.v1", topic=APPLICATIONS):
    """The bill (SKRD) is with the applicant."""

    bill_id: str
    """The bill."""
    amount: int
    """Whole rupiah."""


class PaymentConfirmed(ApplicationEvent, type="licensing.payment-confirmed.v1", topic=APPLICATIONS):
    """The bill is paid."""

    bill_id: str
    """The bill."""


class ApprovalRequested(ApplicationEvent, type="licensing.approval-requested.v1", topic=APPLICATIONS):
    """The file lies with the approver."""


class ApplicationApproved(ApplicationEvent, type="licensing.application-approved.v1", topic=APPLICATIONS):
    """It is decided: the permit is granted, and its paper is to be signed."""

    permit_id: str
    """The permit."""
    delegated_by: str | None = None
    """Whose power the approver used, as an opaque id; None: the own."""


class PermitDeemedApproved(ApplicationEvent, type="licensing.permit-deemed-approved.v1", topic=APPLICATIONS):
    """The legal time ran out, so the law grants the permit (fiktif positif)."""

    permit_id: str
    """The permit."""
    legal_basis: str
    """The rule that grants it, as the permit type names it."""


class ApplicationEscalated(ApplicationEvent, type="licensing.application-escalated.v1", topic=APPLICATIONS):
    """The legal time ran out and the permit type knows no deemed approval: the superior must see to it."""


class ApplicationSigned(ApplicationEvent, type="licensing.application-signed.v1", topic=APPLICATIONS):
    """The permit's paper is signed."""

    permit_id: str
    """The permit."""


class ApplicationIssued(ApplicationEvent, type="licensing.application-issued.v1", topic=APPLICATIONS):
    """The permit is in force, and the applicant can fetch it."""

    permit_id: str
    """The permit."""


class ApplicationHandedOver(
    ApplicationEvent, type="licensing.application-handed-over.v1", topic=APPLICATIONS
):
    """The applicant has the permit in hand."""


class ApplicationRejected(ApplicationEvent, type="licensing.application-rejected.v1", topic=APPLICATIONS):
    """It is decided: no permit."""

    objection_until: date
    """The last day for an objection (keberatan)."""


class ObjectionFiled(ApplicationEvent, type="licensing.objection-filed.v1", topic=APPLICATIONS):
    """The applicant objects to the refusal."""

    decide_until: date
    """The last day for the office's answer."""


class AppealFiled(ApplicationEvent, type="licensing.appeal-filed.v1", topic=APPLICATIONS):
    """The applicant appeals (banding) to the superior."""

    decide_until: date
    """The last day for the superior's answer."""


class RemedyGranted(ApplicationEvent, type="licensing.remedy-granted.v1", topic=APPLICATIONS):
    """An objection or an appeal succeeds: the permit is granted, and its paper is to be signed."""

    permit_id: str
    """The permit."""


class RemedyDismissed(ApplicationEvent, type="licensing.remedy-dismissed.v1", topic=APPLICATIONS):
    """An objection or an appeal fails."""

    appeal_until: date | None = None
    """The last day for an appeal; None: there is none any more."""


class ApplicationWithdrawn(ApplicationEvent, type="licensing.application-withdrawn.v1", topic=APPLICATIONS):
    """The applicant gave it up, or did not pay in time (reason bill_unpaid)."""
