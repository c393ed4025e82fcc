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

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class InstitutionKind(StrEnum):
    """The seven kinds of institutions that serve in a mall."""

    MINISTRY = "ministry"
    AGENCY = "agency"
    PROVINCE = "province"
    REGENCY = "regency"
    STATE_ENTERPRISE = "state_enterprise"
    REGIONAL_ENTERPRISE = "regional_enterprise"
    PRIVATE = "private"


class HolidayKind(StrEnum):
    """Which table a holiday comes from."""

    NATIONAL = "national"
    JOINT_LEAVE = "joint_leave"


class Agreement(Part):
    """The cooperation agreement under which an institution serves in the mall."""

    number: str
    """As on the paper."""
    starts: date
    """Its first day."""
    ends: date
    """Its last day."""


class ServiceStandard(Part):
    """The six published components (UU 25/2009; Perpres 89/2021)."""

    requirements: tuple[str, ...]
    """What a visitor must bring, one by one."""
    procedure: str
    """The steps from the request to the product."""
    duration: str
    """How long it takes at most, in words."""
    fee: str
    """What it costs, in words."""
    product: str
    """What the visitor gets."""
    complaints: str
    """How a complaint is made and handled."""


class Interval(Part):
    """Open from `opens` until just before `closes`."""

    opens: str
    """Local time, HH:MM."""
    closes: str
    """Local time, HH:MM."""


class DayHours(Part):
    """Hours of one weekday; a weekday that is not listed is closed."""

    weekday: int
    """0 (Monday) to 6."""
    intervals: tuple[Interval, ...]
    """In order, apart from each other."""


class Break(Part):
    """Within the opening hours, but nobody is served: lunch, Friday prayer."""

    label: str
    """What the break is for, in one word: "friday_prayer"."""
    weekdays: tuple[int, ...]
    """0 (Monday) to 6."""
    starts: str
    """Local time, HH:MM."""
    ends: str
    """Local time, HH:MM."""


class Holiday(Part):
    """Closed on one date."""

    date: date
    """The local day."""
    name: str
    """As it is shown."""
    kind: HolidayKind
    """Which table it comes from."""


class Override(Part):
    """Other hours on one date; no intervals: closed."""

    date: date
    """The local day."""
    intervals: tuple[Interval, ...]
    """The hours of that day instead of the week's."""
    reason: str
    """As it is shown."""


class Period(Part):
    """Another week from one date to another: the hours of Ramadan, or a 6-day week from a date on."""

    starts: date
    """Its first local day."""
    ends: date | None
    """Its last local day; None: for good."""
    week: tuple[DayHours, ...]
    """Its hours, instead of those of the ordinary week."""
    breaks: tuple[Break, ...]
    """Its breaks, instead of those of the ordinary week."""
    reason: str
    """As it is shown."""


class _Entry(Event, subject="{id}"):
    """What every entry of the register has."""

    tenant: str
    """The regency."""
    id: str
    """The entry; it is the record's key, too."""
    active: bool
    """False: withdrawn."""


class SiteChanged(_Entry, type="registry.site-changed.v1", topic=SITES):
    """A site (MPP) as it is from now on."""

    name: str
    """As it is shown."""
    zone: str
    """IANA name; all days and times of the site are local to it."""
    address: str
    """Where the site stands."""


class InstitutionChanged(_Entry, type="registry.institution-changed.v1", topic=INSTITUTIONS):
    """An institution as it is from now on."""

    name: str
    """As it is shown."""
    kind: InstitutionKind
    """Whose institution it is."""
    agreement: Agreement | None
    """None: the mall's own house, or not signed yet."""


class CounterChanged(_Entry, type="registry.counter-changed.v1", topic=COUNTERS):
    """A counter (gerai) as it is from now on."""

    name: str
    """As it is shown."""
    site_id: str
    """The site where it stands."""
    institution_id: str
    """The institution that serves there."""


class DeskChanged(_Entry, type="registry.desk-changed.v1", topic=DESKS):
    """A desk (loket) as it is from now on."""

    name: str
    """As it is called out: "Loket 3"."""
    site_id: str
    """The site of its counter."""
    counter_id: str
    """The counter that it belongs to."""
    service_ids: tuple[str, ...]
    """The services that it serves, all of its own counter."""


class ServiceChanged(_Entry, type="registry.service-changed.v1", topic=SERVICES):
    """A service (layanan) as it is from now on."""

    name: str
    """As it is shown."""
    site_id: str
    """The site of its counter."""
    counter_id: str
    """The counter that offers it."""
    institution_id: str
    """The institution of its counter."""
    prefix: str
    """Starts every ticket number: "AB" in "AB-012"; a day's numbers keep the prefix of the first."""
    standard: ServiceStandard
    """The published service standard."""
    daily_quota: int | None
    """Tickets per local day; None: as many as come."""
    wait_limit_minutes: int | None
    """Who waits longer is overdue and goes first; None: nobody is overdue."""
    number_range_end: int
    """The last number of a day's range."""


class CalendarChanged(_Entry, type="registry.calendar-changed.v1", topic=CALENDARS):
    """The calendar of a site, or of an institution, a counter or a service that differs from it.

    `id` names the owner: "site:<id>", "institution:<id>", "counter:<id>", "service:<id>". The most specific one holds
    alone: the service's, else its counter's, its institution's, its site's.
    """

    week: tuple[DayHours, ...]
    """The hours of an ordinary week."""
    breaks: tuple[Break, ...]
    """Times within the hours when nobody is served."""
    holidays: tuple[Holiday, ...]
    """Dates on which the owner is closed; a site's hold for all that is there, too."""
    overrides: tuple[Override, ...]
    """Dates with other hours than the week's; a holiday is closed all the same."""
    force_open: tuple[date, ...]
    """Dates on which the week's hours hold although there is a holiday, the owner's own or the site's."""
    cutoff_minutes: int
    """The last ticket is given this long before closing."""
    periods: tuple[Period, ...] = ()
    """When another week holds. Where two have a date, the one that starts later holds: Ramadan within a 6-day week."""


class AgreementLapsing(
    Event, type="registry.agreement-lapsing.v1", topic=AGREEMENTS, subject="{institution_id}"
):
    """An institution's cooperation agreement comes to its end and nobody has renewed it."""

    tenant: str
    """The regency."""
    institution_id: str
    """The institution whose agreement it is."""
    agreement_number: str
    """As on the paper."""
    ends: date
    """The agreement's last day."""
