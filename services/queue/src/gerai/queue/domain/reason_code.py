"""Why a step was taken, as far as events may know it."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """A closed list, which the contract of the ticket events repeats: any other word could tell something about a person. None of them says anything about health,
    age or family; why somebody has priority never travels."""

    DOCUMENTS_MISSING = "documents_missing"
    FORM_INCOMPLETE = "form_incomplete"
    COPY_NEEDED = "copy_needed"
    COPY_DOCUMENTS = "copy_documents"
    PAYMENT_PENDING = "payment_pending"
    WRONG_SERVICE = "wrong_service"
    WRONG_COUNTER = "wrong_counter"
    OTHER_COUNTER = "other_counter"
    NOT_READY = "not_ready"
    VISITOR_NOT_READY = "visitor_not_ready"
    VISITOR_LEFT = "visitor_left"
    VISITOR_REQUEST = "visitor_request"
    OFFICER_BREAK = "officer_break"
    NO_STAFF = "no_staff"
    SYSTEM_DOWN = "system_down"
    POWER_CUT = "power_cut"
    OTHER = "other"
