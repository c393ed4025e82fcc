"""What the registry says: the full state of each entry, on compacted topics.

A new subscriber reads each topic once from its beginning and has the whole register; the newest record of a
key is the truth, the one with the highest `ce_sequence`. Withdrawn entries stay, with `active` false.
Times are "HH:MM" of the site's own zone; weekdays are 0 (Monday) to 6.
"""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from gerai.contracts.event import Cleanup, Event, Topic


def _register_topic(entries: str, key: str) -> Topic:
    return Topic(
        name=f"registry.{entries}",
        key=key,
        partitions=3,
        retention_days=None,
        cleanup=Cleanup.COMPACT,
        owner="registry",
        readers=("queue",),
    )


SITES = _register_topic("sites", "site id")
INSTITUTIONS = _register_topic("institutions", "institution id")
COUNTERS = _register_topic("counters", "counter id")
DESKS = _register_topic("desks", "desk id")
SERVICES = _register_topic("services", "service id")
CALENDARS = _register_topic("calendars", "calendar id")
AGREEMENTS = Topic(
    name="registry.agreements",
    key="institution id",
    partitions=3,
    retention_days=30,
    cleanup=Cleanup.DELETE,
    owner="registry",
)


class Part(BaseModel):
    """A part of an event: closed for producers; readers ignore what a newer one added."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InstitutionKind(StrEnum):
    MINISTRY = "ministry"
    AGENCY = "agency"
    PROVINCE = "province"
    REGENCY = "regency"
    STATE_ENTERPRISE = "state_enterprise"
    REGIONAL_ENTERPRISE = "regional_enterprise"
    PRIVATE = "private"


class HolidayKind(StrEnum):
    NATIONAL = "national"
    JOINT_LEAVE = "joint_leave"


class Agreement(Part):
    """The cooperation agreement under which an institution serves in the mall."""

    number: str
    starts: date
    ends: date
    """Its last day."""


class ServiceStandard(Part):
    """The six published components (UU 25/2009; Perpres 89/2021)."""

    requirements: tuple[str, ...]
    procedure: str
    duration: str
    fee: str
    product: str
    complaints: str


class Interval(Part):
    """Open from `opens` until just before `closes`."""

    opens: str
    closes: str


class DayHours(Part):
    """Hours of one weekday; a weekday that is not listed is closed."""

    weekday: int
    intervals: tuple[Interval, ...]


class Break(Part):
    """Within the opening hours, but nobody is served: lunch, Friday prayer."""

    label: str
    weekdays: tuple[int, ...]
    starts: str
    ends: str


class Holiday(Part):
    date: date
    name: str
    kind: HolidayKind


class Override(Part):
    """Other hours on one date; no intervals: closed."""

    date: date
    intervals: tuple[Interval, ...]
    reason: str


class _Entry(Event):
    """What every entry of the register has."""

    tenant: str
    """The regency."""
    id: str
    active: bool
    """False: withdrawn."""


class SiteChanged(_Entry, type="registry.site-changed.v1", topic=SITES):
    """A site (MPP) as it is from now on."""

    name: str
    zone: str
    """IANA name; all days and times of the site are local to it."""
    address: str


class InstitutionChanged(_Entry, type="registry.institution-changed.v1", topic=INSTITUTIONS):
    """An institution as it is from now on."""

    name: str
    kind: InstitutionKind
    agreement: Agreement | None


class CounterChanged(_Entry, type="registry.counter-changed.v1", topic=COUNTERS):
    """A counter (gerai) as it is from now on."""

    name: str
    site_id: str
    institution_id: str


class DeskChanged(_Entry, type="registry.desk-changed.v1", topic=DESKS):
    """A desk (loket) as it is from now on."""

    name: str
    """As it is called out: "Loket 3"."""
    site_id: str
    counter_id: str
    service_ids: tuple[str, ...]
    """The services that it serves, all of its own counter."""


class ServiceChanged(_Entry, type="registry.service-changed.v1", topic=SERVICES):
    """A service (layanan) as it is from now on."""

    name: str
    site_id: str
    counter_id: str
    institution_id: str
    prefix: str
    """Starts every ticket number: "AB" in "AB-012"."""
    standard: ServiceStandard
    daily_quota: int | None
    wait_limit_minutes: int | None
    number_range_end: int


class CalendarChanged(_Entry, type="registry.calendar-changed.v1", topic=CALENDARS):
    """The calendar of a site, or of a counter or service that differs from it.

    `id` names the owner: "site:<id>", "counter:<id>", "service:<id>".
    """

    week: tuple[DayHours, ...]
    breaks: tuple[Break, ...]
    holidays: tuple[Holiday, ...]
    overrides: tuple[Override, ...]
    force_open: tuple[date, ...]
    """Dates on which the week's hours hold although there is a holiday."""
    cutoff_minutes: int
    """The last ticket is given this long before closing."""


class AgreementLapsing(Event, type="registry.agreement-lapsing.v1", topic=AGREEMENTS):
    """An institution's cooperation agreement comes to its end and nobody has renewed it."""

    tenant: str
    institution_id: str
    agreement_number: str
    ends: date
