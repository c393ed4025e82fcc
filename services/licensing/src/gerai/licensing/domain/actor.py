"""Who takes a step, in which role and for whom."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Role(StrEnum):
    """What somebody may be to an application. A person may have several, and takes each step in one of them."""

    APPLICANT = "applicant"
    FRONT_OFFICER = "front_officer"
    """At the counter: files for applicants, hands permits over."""
    VERIFIER = "verifier"
    REVIEWER = "reviewer"
    INSPECTOR = "inspector"
    FEE_OFFICER = "fee_officer"
    APPROVER = "approver"
    SUPERIOR = "superior"
    """Decides appeals: the regent, or whom the regent names."""
    SUPERVISOR = "supervisor"
    """Gives tasks to others, and takes them back, within the own institution."""
    SYSTEM = "system"


class Actor(BaseModel):
    """One person, or the system, at one step."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Opaque."""
    role: Role
    institution_id: str | None = None
    """For which they act; None: the applicant, the system."""
    party_id: str | None = None
    """Of an applicant: who they are to the notification service."""
    delegated_by: str | None = None
    """Whose power they use, where it is not their own: the giver of a delegation that holds now."""

    @property
    def persons(self) -> frozenset[str]:
        """Everybody who must not have had a hand in what this actor decides."""
        return frozenset({self.id, self.delegated_by} - {None})  # type: ignore[arg-type]


SYSTEM = Actor(id="system", role=Role.SYSTEM)
