"""A permit type as data: what it asks for, who reviews it, how long it may take, what it costs, what is issued.

Versions are immutable: an application stays on the one that it began with. `permit_type_check` says what is wrong with a
definition; nothing else makes a `PermitType` that is used.
"""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.text import Slug
from gerai.licensing.domain.actor import Role
from gerai.licensing.domain.clock_terms import NO_PAUSE, Budget, ClockTerms, StageTerm
from gerai.licensing.domain.fee import FeeRule
from gerai.licensing.domain.localized import Localized
from gerai.licensing.domain.permit_number import NumberFormat

FEE_STAGE, APPROVAL_STAGE = "fee", "approval"
"""The two stages that are no reviews; a type's own stages have other codes."""


class Stated(BaseModel):
    """A part of a definition: closed, so that a slip of the pen is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Risk(StrEnum):
    """Classes of PP 28/2025 (risk-based licensing)."""

    LOW = "low"
    MEDIUM_LOW = "medium_low"
    MEDIUM_HIGH = "medium_high"
    HIGH = "high"


BY_DECLARATION = frozenset({Risk.LOW, Risk.MEDIUM_LOW})
"""Granted on the applicant's own declaration, without a reviewer."""


class When(Stated):
    """Holds where a form field was answered in one of these ways."""

    field: str
    is_one_of: tuple[str | int | bool, ...] = Field(min_length=1, max_length=50)

    def holds(self, answers: dict[str, Any]) -> bool:
        return any(answers.get(self.field) == value for value in self.is_one_of)


class PaperRule(Stated):
    """A paper that the applicant hands in."""

    kind: Slug
    title: Localized
    accepts: tuple[str, ...] = Field(default=("application/pdf",), min_length=1, max_length=10)
    """Media types, by content."""
    most_mb: int = Field(default=5, ge=1, le=100)
    required: bool = True
    required_when: When | None = None
    """Overrides `required`: only needed where an answer says so."""

    def is_required(self, answers: dict[str, Any]) -> bool:
        return self.required_when.holds(answers) if self.required_when else self.required


class StageKind(StrEnum):
    VERIFICATION = "verification"
    TECHNICAL_REVIEW = "technical_review"
    INSPECTION = "inspection"


ROLE_OF = {
    StageKind.VERIFICATION: Role.VERIFIER,
    StageKind.TECHNICAL_REVIEW: Role.REVIEWER,
    StageKind.INSPECTION: Role.INSPECTOR,
}
"""In which role officers work on a stage."""


class Join(StrEnum):
    """How the reviews of a stage come to one verdict."""

    ALL = "all"
    """All must recommend."""
    ANY = "any"
    """One is enough."""
    MAJORITY = "majority"
    """More than half of them."""


class Stage(Stated):
    """A part of the review: one or more institutions side by side, after other stages."""

    code: Slug
    title: Localized
    kind: StageKind
    institutions: tuple[Slug, ...] = Field(min_length=1, max_length=20)
    working_days: int = Field(ge=1, le=260)
    after: tuple[str, ...] = Field(default=(), max_length=20)
    """Stages that must be finished first; none: it begins when the file is complete."""
    join: Join = Join.ALL
    only_when_asked: bool = False
    """Left out unless a reviewer asks for it: an inspection that is made where it is needed."""


class Duty(Stated):
    """Officers of an institution who act in a role on applications of this type."""

    role: Role
    institution: Slug


class Approval(Stated):
    """Who decides, and within how many working days."""

    working_days: int = Field(ge=1, le=60)


class Lapse(Stated):
    """What the end of the legal time brings."""

    deemed_approval: bool
    legal_basis: str = ""
    """The rule that grants the permit; needed where it is."""


class Validity(Stated):
    """How long a permit holds. Neither: for good."""

    years: int | None = Field(default=None, ge=1, le=50)
    until_answer: str | None = None
    """A form field (a date) that ends it earlier."""
    renew_from_months: int = Field(default=3, ge=0, le=36)
    """A renewal may be filed so long before the end."""


class Time(Stated):
    """The legal time and what it may rest for."""

    working_days: int = Field(ge=1, le=260)
    clarification: Budget = NO_PAUSE
    payment: Budget = NO_PAUSE
    arrival_day_counts: bool = False
    warn_at_percent: int = Field(default=80, ge=1, le=100)


class PermitType(Stated):
    """One version of one permit type of a regency."""

    code: Slug
    version: int = Field(ge=1)
    title: Localized
    purpose: Localized
    """One sentence for the public page: who needs it, for what."""
    institution: Slug
    """That issues it."""
    risk: Risk | None = None
    """None: it does not hang on risk."""
    basis: tuple[str, ...] = Field(min_length=1, max_length=20)
    """Laws and rules, as they are cited."""
    form: dict[str, Any]
    """JSON Schema (2020-12) of the answers, as `form` restricts it."""
    papers: tuple[PaperRule, ...] = Field(default=(), max_length=50)
    stages: tuple[Stage, ...] = Field(default=(), max_length=20)
    approval: Approval | None = None
    """None: by declaration."""
    time: Time | None = None
    """None: by declaration."""
    lapse: Lapse | None = None
    fee: FeeRule | None = None
    validity: Validity = Validity()
    number: NumberFormat
    duties: tuple[Duty, ...] = Field(default=(), max_length=50)
    assumed: tuple[str, ...] = Field(default=(), max_length=30)
    """What no source confirms and the regency must check, in plain words."""

    @property
    def by_declaration(self) -> bool:
        return self.risk in BY_DECLARATION

    @property
    def has_fee(self) -> bool:
        return self.fee is not None

    @property
    def terms(self) -> ClockTerms:
        """Raises AssertionError for a type by declaration, which has no clock."""
        assert self.time is not None
        assert self.approval is not None
        stages = [StageTerm(code=stage.code, working_days=stage.working_days) for stage in self.stages]
        if self.fee is not None:
            stages.append(StageTerm(code=FEE_STAGE, working_days=self.fee.working_days))
        stages.append(StageTerm(code=APPROVAL_STAGE, working_days=self.approval.working_days))
        return ClockTerms(
            working_days=self.time.working_days,
            stages=tuple(stages),
            clarification=self.time.clarification,
            payment=self.time.payment,
            arrival_day_counts=self.time.arrival_day_counts,
            warn_at_percent=self.time.warn_at_percent,
        )

    def stage(self, code: str) -> Stage:
        return next(stage for stage in self.stages if stage.code == code)
