"""Why something was done, as far as events may know it: closed lists, never free text."""

from enum import StrEnum


class RejectionReason(StrEnum):
    NOT_RECOMMENDED = "not_recommended"
    REQUIREMENTS_NOT_MET = "requirements_not_met"
    SPATIAL_PLAN = "spatial_plan"
    UNFIT_ON_INSPECTION = "unfit_on_inspection"
    FALSE_DATA = "false_data"
    FORBIDDEN_BY_LAW = "forbidden_by_law"
    OTHER = "other"


class WithdrawalReason(StrEnum):
    APPLICANT_REQUEST = "applicant_request"
    BILL_UNPAID = "bill_unpaid"


class PermitReason(StrEnum):
    """Why a permit is frozen, unfrozen or revoked."""

    HOLDER_REQUEST = "holder_request"
    BREACH = "breach"
    WARNINGS_UNANSWERED = "warnings_unanswered"
    INVESTIGATION = "investigation"
    CAUSE_REMOVED = "cause_removed"
    FALSE_DATA = "false_data"
    COURT_RULING = "court_ruling"
    DANGER = "danger"
    LAW_CHANGED = "law_changed"


class ReleaseReason(StrEnum):
    """Why a review task goes back into its institution's pool."""

    OWN_WISH = "own_wish"
    ABSENCE = "absence"
    SUPERVISOR = "supervisor"
