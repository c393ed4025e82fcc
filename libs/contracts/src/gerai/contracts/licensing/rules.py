"""What holds for many applications: permit types, and declared outages."""

from datetime import date

from pydantic import AwareDatetime

from gerai.contracts.event import Event
from gerai.contracts.licensing.topics import OUTAGES, PERMIT_TYPES


class PermitTypeChanged(
    Event, type="licensing.permit-type-changed.v1", topic=PERMIT_TYPES, subject="{tenant}:{code}"
):
    """A permit type as it is for applications from now on; running ones stay on the version that they began with."""

    tenant: str
    """The regency."""
    code: str
    """The permit type, for ever."""
    version: int
    """1, 2, 3, …"""
    active: bool
    """False: nobody can apply any more."""
    title_id: str
    """In Indonesian, as it is shown."""
    title_en: str
    """In English."""
    institution_id: str
    """The institution that issues it."""
    working_days: int | None
    """The legal time; None: decided at once, by declaration."""
    deemed_approval: bool
    """Whether the permit is granted by law when the time runs out."""
    has_fee: bool
    """Whether it costs a retribution."""


class OutageDeclared(Event, type="licensing.outage-declared.v1", topic=OUTAGES, subject="{tenant}"):
    """By decree no legal clock of the regency counts these days."""

    tenant: str
    """The regency."""
    decree: str
    """Its number, as on the paper."""
    first: date
    """The first day."""
    last: date
    """The last day."""
    declared_at: AwareDatetime
    """When it was entered."""
    actor: str
    """Who entered it, as an opaque id."""
