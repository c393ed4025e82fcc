"""An application from the draft until it is complete; and what every event of an application says."""

from gerai.contracts.event import Event
from gerai.contracts.licensing.states import ApplicationState
from gerai.contracts.licensing.topics import APPLICATIONS


class ApplicationEvent(Event, subject="{application_id}"):
    """What every event of an application says."""

    tenant: str
    """The regency."""
    application_id: str
    """The application."""
    permit_type: str
    """The code of its permit type."""
    permit_type_version: int
    """The version that the application began with, and stays on."""
    institution_id: str
    """The institution that issues the permit."""
    party_id: str
    """The applicant, as the notification service knows them; opaque."""
    from_state: ApplicationState | None
    """None: the application is new. The same as `to_state`: the step changed no state."""
    to_state: ApplicationState
    """The state from now on."""
    actor: str
    """Who acted, as an opaque id; "system" where a rule did."""
    role: str
    """The role in which they acted: applicant, front_officer, verifier, reviewer, inspector, fee_officer, approver,
    superior, supervisor, system. The list may grow."""
    actor_institution_id: str | None = None
    """The institution for which they acted; None: the applicant or the system."""
    reason: str | None = None
    """A code of a closed list, never free text."""


class ApplicationFiled(ApplicationEvent, type="licensing.application-filed.v1", topic=APPLICATIONS):
    """A draft was begun."""

    follows_permit_id: str | None = None
    """The permit that it is to renew or to change."""


class ApplicationSubmitted(ApplicationEvent, type="licensing.application-submitted.v1", topic=APPLICATIONS):
    """The applicant handed it in; the system checks that it is complete."""

    submission: int
    """1, 2, 3, …: it may have been returned before."""


class ApplicationReturned(ApplicationEvent, type="licensing.application-returned.v1", topic=APPLICATIONS):
    """It is not complete, so the legal clock has not started."""

    submission: int
    """Which submission was checked."""
    marks: int
    """How many fields and papers must be mended."""


class ApplicationCompleted(ApplicationEvent, type="licensing.application-completed.v1", topic=APPLICATIONS):
    """Everything that the permit type asks for is there."""
