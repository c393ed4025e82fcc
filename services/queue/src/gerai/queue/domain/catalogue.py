"""All that the queue knows of the register, in memory: asked on every request, never over the network."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from gerai.contracts.registry import (
    CalendarChanged,
    CounterChanged,
    DeskChanged,
    InstitutionChanged,
    ServiceChanged,
    SiteChanged,
)
from gerai.messaging.refusal import LocalizedText, Term, UnableToFind
from gerai.queue.domain.calling import served_set
from gerai.queue.domain.opening import Code, Opening, OpeningHours, local_day, opening
from gerai.queue.domain.register_entry import EntryChanged, entry_id
from gerai.queue.domain.rules import DEFAULTS, RangeEnd, Rules
from gerai.queue.domain.service_day import ServiceDay, prefix_is_free

UNUSABLE = (KeyError, ValueError, OSError, OverflowError)
"""What a time zone that does not exist, hours that are none, or a limit of a million years raise."""

SITE = Term("site", LocalizedText("MPP", "site"))
COUNTER = Term("counter", LocalizedText("gerai", "counter"))
DESK = Term("desk", LocalizedText("loket", "desk"))
SERVICE = Term("service", LocalizedText("layanan", "service"))

E = TypeVar("E", SiteChanged, CounterChanged, DeskChanged, ServiceChanged)


class Catalogue:
    """One state of the replica; a newer one is another object.

    The register's contract lets through what no clock can use: a zone that does not exist, hours that are none. Such
    an entry is left out as if it had never come, and named in `unusable`; all others work. Without its site a
    service is not offered; without its calendar it has the hours of its counter or site, or none.
    """

    def __init__(
        self, entries: Iterable[EntryChanged] = (), rules: Mapping[str, Rules] | None = None
    ) -> None:
        self._sites: dict[str, SiteChanged] = {}
        self._institutions: dict[str, InstitutionChanged] = {}
        self._counters: dict[str, CounterChanged] = {}
        self._desks: dict[str, DeskChanged] = {}
        self._services: dict[str, ServiceChanged] = {}
        self._calendars: dict[str, CalendarChanged] = {}
        self._zones: dict[str, ZoneInfo] = {}
        self._wait_limits: dict[str, timedelta] = {}
        self._rules = dict(rules or {})
        unusable: list[str] = []
        for entry in entries:
            try:
                self._take(entry)
            except UNUSABLE:
                unusable.append(entry_id(entry))
        self.unusable = tuple(unusable)
        """The ids of the entries that were left out."""
        self._hours = {service.id: self._find_hours(service) for service in self._services.values()}
        self._rivals = self._find_rivals()
        self._callers_of, self._callers_at = self._find_callers()

    def _take(self, entry: EntryChanged) -> None:
        match entry:
            case SiteChanged():
                self._zones[entry.id] = ZoneInfo(entry.zone)
                self._sites[entry.id] = entry
            case InstitutionChanged():
                self._institutions[entry.id] = entry
            case CounterChanged():
                self._counters[entry.id] = entry
            case DeskChanged():
                self._desks[entry.id] = entry
            case ServiceChanged():
                if entry.wait_limit_minutes is not None:
                    self._wait_limits[entry.id] = timedelta(minutes=entry.wait_limit_minutes)
                self._services[entry.id] = entry
            case CalendarChanged() if entry.active:
                OpeningHours(entry)  # raises for what is no time of a day
                self._calendars[entry.id] = entry

    def _find_hours(self, service: ServiceChanged) -> OpeningHours | None:
        site = self._calendars.get(f"site:{service.site_id}")
        owners = (f"service:{service.id}", f"counter:{service.counter_id}")
        own = next((self._calendars[owner] for owner in owners if owner in self._calendars), None)
        if own is not None:
            return OpeningHours(own, shared=site)
        return OpeningHours(site) if site is not None else None

    def _find_rivals(self) -> dict[str, frozenset[str]]:
        """Service → all services that are served at one of its desks: those whose visitors may come first."""
        rivals: dict[str, set[str]] = defaultdict(set)
        for desk in self._desks.values():
            if desk.active:
                for service_id in desk.service_ids:
                    rivals[service_id].update(desk.service_ids)
        return {service_id: frozenset(found) for service_id, found in rivals.items()}

    def _find_callers(self) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
        """By service and by counter: the sets of services (`served_set`) whose desks call its visitors."""
        by_service: dict[str, set[str]] = defaultdict(set)
        by_counter: dict[str, set[str]] = defaultdict(set)
        for desk in self._desks.values():
            if desk.active:
                served = served_set(desk.service_ids)
                by_counter[desk.counter_id].add(served)
                for service_id in desk.service_ids:
                    by_service[service_id].add(served)
        for service_id, found in by_service.items():
            widest = served_set(self._rivals[service_id])
            if widest in found:  # a desk that serves all rivals sees the line as the visitor does
                by_service[service_id] = {widest}
        return (
            {service_id: frozenset(found) for service_id, found in by_service.items()},
            {counter_id: frozenset(found) for counter_id, found in by_counter.items()},
        )

    @property
    def wait_limits(self) -> Mapping[str, timedelta]:
        """By service, where it has one."""
        return self._wait_limits

    @property
    def is_empty(self) -> bool:
        return not self._sites

    def site(self, id: str, *, tenant: str | None) -> SiteChanged:
        return _known(self._sites.get(id), SITE, id, tenant)

    def counter(self, id: str, *, tenant: str | None) -> CounterChanged:
        return _known(self._counters.get(id), COUNTER, id, tenant)

    def desk(self, id: str, *, tenant: str | None) -> DeskChanged:
        return _known(self._desks.get(id), DESK, id, tenant)

    def service(self, id: str, *, tenant: str | None) -> ServiceChanged:
        return _known(self._services.get(id), SERVICE, id, tenant)

    def desk_name(self, id: str | None) -> str:
        """What is called out; the id where a desk is not known any more."""
        found = self._desks.get(id or "")
        return found.name if found is not None else id or ""

    def counter_name(self, id: str) -> str:
        found = self._counters.get(id)
        return found.name if found is not None else id

    def service_name(self, id: str) -> str:
        found = self._services.get(id)
        return found.name if found is not None else id

    def services_at(self, site_id: str) -> list[ServiceChanged]:
        """By counter, then by id."""
        found = [one for one in self._services.values() if one.site_id == site_id]
        return sorted(found, key=lambda one: (one.counter_id, one.id))

    def counters_at(self, site_id: str) -> list[CounterChanged]:
        found = [one for one in self._counters.values() if one.site_id == site_id and one.active]
        return sorted(found, key=lambda one: one.id)

    def served_by(self, desk: DeskChanged) -> list[ServiceChanged]:
        """Withdrawn services too: who holds a number of one is still served."""
        return [self._services[id] for id in desk.service_ids if id in self._services]

    def rivals_of(self, service_id: str) -> frozenset[str]:
        return self._rivals.get(service_id, frozenset({service_id}))

    def callers_of(self, service_id: str) -> frozenset[str]:
        """The served sets whose streak decides who comes before a visitor of the service."""
        return self._callers_of.get(service_id, frozenset())

    def callers_at(self, counter_id: str) -> frozenset[str]:
        return self._callers_at.get(counter_id, frozenset())

    def rules_of(self, site_id: str) -> Rules:
        return self._rules.get(site_id, DEFAULTS)

    def knows_site(self, id: str) -> bool:
        """False: it was not told yet (the register's topics come independently), or its entry is unusable."""
        return id in self._sites

    def zone_of(self, site_id: str) -> ZoneInfo:
        """Raises UnableToFind where the site is not known."""
        zone = self._zones.get(site_id)
        if zone is None:
            raise UnableToFind(SITE, site_id)
        return zone

    def local_day(self, site_id: str, at: datetime) -> str:
        """Raises UnableToFind where the site is not known."""
        return local_day(at, self.zone_of(site_id))

    def other_day(self, site_id: str, day: str, *, at: datetime) -> str | None:
        """The day, where it is not the one that the site has then: a number of it says its date, so that who holds the
        same number of today does not come. None also where the site is not known."""
        return day if self.knows_site(site_id) and day != self.local_day(site_id, at) else None

    def hours_of(self, service: ServiceChanged) -> OpeningHours | None:
        """The most specific calendar that exists, and the site's holidays; nothing else of calendars adds up."""
        return self._hours.get(service.id)

    def is_offered(self, service: ServiceChanged) -> bool:
        """The service, and all that it hangs on, is active."""
        parents = (
            self._counters.get(service.counter_id),
            self._sites.get(service.site_id),
            self._institutions.get(service.institution_id),
        )
        return service.active and all(one is not None and one.active for one in parents)

    def opening_of(
        self,
        service: ServiceChanged,
        day: ServiceDay | None,
        today: Iterable[ServiceDay] = (),
        *,
        at: datetime,
    ) -> Opening:
        """Whether the service gives a ticket now. `day`: its numbers of today, if any was given; `today`: those of all
        services of the site, asked for where it has none."""
        if not self.is_offered(service):
            return Opening(Code.SERVICE_CLOSED)
        ends = self.rules_of(service.site_id).range_end is RangeEnd.REFUSE
        return opening(
            self.hours_of(service),
            active=True,
            manually_closed=day is not None and day.closed,
            issued=day.issued if day is not None else 0,
            quota=service.daily_quota,
            last=service.number_range_end if ends else None,
            prefix_free=prefix_is_free(service, day, today),
            at=at,
            zone=self._zones[service.site_id],
        )


def _known(entry: E | None, what: Term, id: str, tenant: str | None) -> E:
    """Another regency's entry looks like none."""
    if entry is None or (tenant is not None and entry.tenant != tenant):
        raise UnableToFind(what, id)
    return entry
