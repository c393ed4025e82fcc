"""What a permit type grants: working days in total and per stage, and how long a clock may rest for the applicant."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class PauseKind(StrEnum):
    """What the office waits for. Each has a budget of its own."""

    CLARIFICATION = "clarification"
    PAYMENT = "payment"


class PauseReason(StrEnum):
    """Why a clock rests. A closed list, which the events repeat: each is something that only the applicant can do."""

    PAPER_UNREADABLE = "paper_unreadable"
    PAPER_OUTDATED = "paper_outdated"
    PAPER_WRONG = "paper_wrong"
    DATA_CONTRADICTORY = "data_contradictory"
    PLAN_TO_CORRECT = "plan_to_correct"
    PLACE_NOT_ACCESSIBLE = "place_not_accessible"
    APPLICANT_ABSENT = "applicant_absent"
    APPLICANT_REQUEST = "applicant_request"
    PAYMENT_PENDING = "payment_pending"


class Budget(BaseModel):
    """So often, and so many working days altogether."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int = Field(ge=0, le=20)
    days: int = Field(ge=0, le=260)


NO_PAUSE = Budget(times=0, days=0)


class StageTerm(BaseModel):
    """Working days of one stage of the review plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    working_days: int = Field(ge=1, le=260)


class ClockTerms(BaseModel):
    """Fixed when the clock starts: a running case stays on the type's version that it began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    working_days: int = Field(ge=1, le=260)
    stages: tuple[StageTerm, ...] = ()
    clarification: Budget = NO_PAUSE
    payment: Budget = NO_PAUSE
    arrival_day_counts: bool = False
    """False: the day after the file came to the office is the first that counts, as in UU 30/2014 and most published
    standards. True: the day itself is."""
    warn_at_percent: int = Field(default=80, ge=1, le=100)

    def budget(self, kind: PauseKind) -> Budget:
        return self.payment if kind is PauseKind.PAYMENT else self.clarification

    def days_of(self, stage: str) -> int:
        """Raises KeyError for a stage that the plan does not have."""
        return {term.code: term.working_days for term in self.stages}[stage]
