"""The nouns of the register, made ready to be asked: a `Desk` is what stands now, `DeskChanged` is how it was told."""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from gerai.contracts.registry import (
    Agreement,
    CalendarChanged,
    CounterChanged,
    DeskChanged,
    InstitutionChanged,
    InstitutionKind,
    ServiceChanged,
    ServiceStandard,
    SiteChanged,
)
from gerai.register.calendar import Calendar

EntryChanged: TypeAlias = (
    SiteChanged | InstitutionChanged | CounterChanged | DeskChanged | ServiceChanged | CalendarChanged
)
CHANGES = (
    SiteChanged,
    InstitutionChanged,
    CounterChanged,
    DeskChanged,
    ServiceChanged,
    CalendarChanged,
)
"""The events from whose topics the register is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    id: str
    tenant: str
    """The regency."""
    version: int
    """The registry's, as in its ETag; it grows with each change."""
    active: bool
    """False: withdrawn. It stays, because tickets and permits of the past refer to it."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site(_Entry):
    """A building (MPP)."""

    zone: ZoneInfo
    """All days and times of the site are local to it."""
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution(_Entry):
    """Who serves there (instansi)."""

    kind: InstitutionKind
    agreement: Agreement | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(_Entry):
    """An institution's place in a site (gerai)."""

    site_id: str
    institution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk(_Entry):
    """Where one officer serves one visitor (loket)."""

    site_id: str
    counter_id: str
    service_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(_Entry):
    """What a counter offers (layanan)."""

    site_id: str
    counter_id: str
    institution_id: str
    prefix: str
    """Starts its ticket numbers."""
    standard: ServiceStandard
    daily_quota: int | None
    """Tickets per local day; None: as many as come."""
    wait_limit: timedelta | None
    """Who waits longer is overdue; None: nobody is."""
    number_range_end: int


Entry: TypeAlias = Site | Institution | Counter | Desk | Service | Calendar
E = TypeVar("E", Site, Institution, Counter, Desk, Service)


def entry_key(event: EntryChanged) -> str:
    """An id that is used once among all kinds: "registry.sites:muna-barat-mpp"."""
    return f"{event.topic.name}:{event.id}"


class UnusableEntry(ValueError):
    """The contract lets through what no clock can use: a zone that does not exist, hours that are none, a limit of a
    million years. Whoever keeps entries leaves such a one out, as if it had never come."""


UNUSABLE = (KeyError, ValueError, OSError, OverflowError)
"""What zoneinfo, `minutes_of` and timedelta raise for it."""


def entry_of(event: EntryChanged, *, version: int = 1) -> Entry:
    """What an event tells of, as it stands from then on. `version`: the event's `ce_sequence`. Raises UnusableEntry."""
    try:
        return _made_of(event, version)
    except UNUSABLE as error:
        raise UnusableEntry(entry_key(event)) from error


def _made_of(event: EntryChanged, version: int) -> Entry:
    match event:
        case SiteChanged():
            return _copy(Site, event, version, zone=ZoneInfo(event.zone))
        case InstitutionChanged():
            return _copy(Institution, event, version)
        case CounterChanged():
            return _copy(Counter, event, version)
        case DeskChanged():
            return _copy(Desk, event, version)
        case ServiceChanged():
            limit = event.wait_limit_minutes
            return _copy(
                Service, event, version, wait_limit=timedelta(minutes=limit) if limit is not None else None
            )
        case CalendarChanged():
            return Calendar.of(event, version=version)


def _copy(kind: type[E], event: EntryChanged, version: int, **own: object) -> E:
    """Fields have the event's names, but for the version and what is made into another type."""
    values: dict[str, Any] = {"version": version, **own}
    for field in fields(kind):
        if field.name not in values:
            values[field.name] = getattr(event, field.name)
    return kind(**values)
