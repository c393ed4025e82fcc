"""The life of a permit, after it was granted."""

from datetime import date

from gerai.contracts.event import Event
from gerai.contracts.licensing.states import PermitState
from gerai.contracts.licensing.topics import PERMITS


class PermitEvent(Event, subject="{permit_id}"):
    """What every event of a permit says."""

    tenant: str
    """The regency."""
    permit_id: str
    """The permit."""
    number: str
    """As printed: "503/00417/29/SIPD/XI/DPMPTSP/2026"."""
    application_id: str
    """The application that it was granted on."""
    permit_type: str
    """The code of its permit type."""
    permit_type_version: int
    """The version under which it was granted."""
    institution_id: str
    """The institution that issues it."""
    party_id: str
    """The holder, as the notification service knows them; opaque."""
    from_state: PermitState | None
    """None: the permit is new."""
    to_state: PermitState
    """What it is worth from now on."""
    actor: str
    """Who acted, as an opaque id; "system" where a rule did."""
    role: str
    """The role in which they acted, as in the events of applications."""
    actor_institution_id: str | None = None
    """The institution for which they acted; None: the system."""
    reason: str | None = None
    """A code of a closed list, never free text."""


class PermitGranted(PermitEvent, type="licensing.permit-granted.v1", topic=PERMITS):
    """It has its number. It is worth something when it is signed and issued."""

    basis: str
    """decision, declaration, deemed_approval, objection, appeal."""


class PermitIssued(PermitEvent, type="licensing.permit-issued.v1", topic=PERMITS):
    """It is in force."""

    valid_from: date
    """Its first day."""
    valid_until: date | None
    """Its last day; None: for good."""


class PermitFrozen(PermitEvent, type="licensing.permit-frozen.v1", topic=PERMITS):
    """It is worth nothing until it is unfrozen."""


class PermitUnfrozen(PermitEvent, type="licensing.permit-unfrozen.v1", topic=PERMITS):
    """It is in force again."""


class PermitRevoked(PermitEvent, type="licensing.permit-revoked.v1", topic=PERMITS):
    """It ends, for good."""


class PermitReplaced(PermitEvent, type="licensing.permit-replaced.v1", topic=PERMITS):
    """Another permit stands in its place."""

    replaced_by: str
    """The other permit."""
    kind: str
    """renewal or change."""


class PermitExpired(PermitEvent, type="licensing.permit-expired.v1", topic=PERMITS):
    """Its last day is over and nobody renewed it."""
