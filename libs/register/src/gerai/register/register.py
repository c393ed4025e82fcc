"""All that a service knows of the register, in memory: asked on every request, never over the network."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from gerai.messaging.refusal import LocalizedText, Term, UnableToFind
from gerai.register.calendar import Calendar
from gerai.register.entries import Counter, Desk, Entry, Institution, Service, Site
from gerai.register.local_time import local_day
from gerai.register.opening_hours import OpeningHours
from gerai.register.schedule import Schedule
from gerai.register.working_days import WorkingDays

SITE = Term("site", LocalizedText("MPP", "site"))
INSTITUTION = Term("institution", LocalizedText("instansi", "institution"))
COUNTER = Term("counter", LocalizedText("gerai", "counter"))
DESK = Term("desk", LocalizedText("loket", "desk"))
SERVICE = Term("service", LocalizedText("layanan", "service"))
CALENDAR = Term("calendar", LocalizedText("kalender", "calendar"))

E = TypeVar("E", Site, Institution, Counter, Desk, Service)


class Register:
    """One state of the register; a newer one is another object.

    Entries come independently, and one that cannot be used is left out: without its site a service is not offered;
    without its calendar an owner has the hours of what is above it, or none.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._sites: dict[str, Site] = {}
        self._institutions: dict[str, Institution] = {}
        self._counters: dict[str, Counter] = {}
        self._desks: dict[str, Desk] = {}
        self._services: dict[str, Service] = {}
        self._calendars: dict[str, Calendar] = {}
        for entry in entries:
            self._take(entry)
        self._services_at: dict[str, list[Service]] = defaultdict(list)
        for service in sorted(self._services.values(), key=lambda found: (found.counter_id, found.id)):
            self._services_at[service.site_id].append(service)
        self._schedules: dict[tuple[str, str | None], Schedule] = {}
        self._opening_hours: dict[tuple[Schedule, str], OpeningHours] = {}
        self._hours = {service.id: self._find_hours(service) for service in self._services.values()}
        self._working_days: dict[tuple[str, str], WorkingDays] = {}

    def _take(self, entry: Entry) -> None:
        match entry:
            case Site():
                self._sites[entry.id] = entry
            case Institution():
                self._institutions[entry.id] = entry
            case Counter():
                self._counters[entry.id] = entry
            case Desk():
                self._desks[entry.id] = entry
            case Service():
                self._services[entry.id] = entry
            case Calendar() if entry.active:
                self._calendars[entry.id] = entry

    @property
    def is_empty(self) -> bool:
        return not self._sites

    def site(self, id: str, *, tenant: str | None) -> Site:
        return _known(self._sites.get(id), SITE, id, tenant)

    def institution(self, id: str, *, tenant: str | None) -> Institution:
        return _known(self._institutions.get(id), INSTITUTION, id, tenant)

    def counter(self, id: str, *, tenant: str | None) -> Counter:
        return _known(self._counters.get(id), COUNTER, id, tenant)

    def desk(self, id: str, *, tenant: str | None) -> Desk:
        return _known(self._desks.get(id), DESK, id, tenant)

    def service(self, id: str, *, tenant: str | None) -> Service:
        return _known(self._services.get(id), SERVICE, id, tenant)

    def desk_name(self, id: str | None) -> str:
        """What is called out; the id where a desk is not known any more."""
        found = self._desks.get(id or "")
        return found.name if found is not None else id or ""

    def site_name(self, id: str) -> str:
        found = self._sites.get(id)
        return found.name if found is not None else id

    def counter_name(self, id: str) -> str:
        found = self._counters.get(id)
        return found.name if found is not None else id

    def service_name(self, id: str) -> str:
        found = self._services.get(id)
        return found.name if found is not None else id

    def services_at(self, site_id: str) -> list[Service]:
        """By counter, then by id."""
        return self._services_at.get(site_id, [])

    def counters_at(self, site_id: str) -> list[Counter]:
        """The active ones, by id."""
        found = [
            counter for counter in self._counters.values() if counter.site_id == site_id and counter.active
        ]
        return sorted(found, key=lambda counter: counter.id)

    def knows_site(self, id: str) -> bool:
        """False: it was not told yet (the register's topics come independently), or its entry is unusable."""
        return id in self._sites

    def zone_of(self, site_id: str) -> ZoneInfo:
        """Raises UnableToFind where the site is not known."""
        return self.site(site_id, tenant=None).zone

    def local_day(self, site_id: str, at: datetime) -> str:
        """Raises UnableToFind where the site is not known."""
        return local_day(at, self.zone_of(site_id))

    def other_day(self, site_id: str, day: str, *, at: datetime) -> str | None:
        """The day, where it is not the one that the site has then: a number of it says its date, so that who holds the
        same number of today does not come. None also where the site is not known."""
        return day if self.knows_site(site_id) and day != self.local_day(site_id, at) else None

    def is_offered(self, service: Service) -> bool:
        """The service, and all that it hangs on, is active."""
        parents = (
            self._counters.get(service.counter_id),
            self._sites.get(service.site_id),
            self._institutions.get(service.institution_id),
        )
        return service.active and all(parent is not None and parent.active for parent in parents)

    def hours_of(self, service: Service) -> OpeningHours | None:
        """By the most specific calendar that exists: the service's, its counter's, its institution's, its site's. None
        where there is none, or the site is not known."""
        return self._hours.get(service.id)

    def working_days(self, institution_id: str, *, site_id: str, tenant: str | None) -> WorkingDays:
        """By the institution's own calendar, else by the site's. Raises UnableToFind where the site, the institution or
        both calendars are not known."""
        site, _ = self.site(site_id, tenant=tenant), self.institution(institution_id, tenant=tenant)
        key = (institution_id, site_id)
        known = self._working_days.get(key)
        if known is None:
            schedule = self._schedule((f"institution:{institution_id}",), site_id)
            if schedule is None:
                raise UnableToFind(CALENDAR, f"site:{site_id}")
            known = self._working_days[key] = WorkingDays(schedule, site.zone)
        return known

    def _find_hours(self, service: Service) -> OpeningHours | None:
        site = self._sites.get(service.site_id)
        owners = (
            f"service:{service.id}",
            f"counter:{service.counter_id}",
            f"institution:{service.institution_id}",
        )
        schedule = self._schedule(owners, service.site_id)
        if site is None or schedule is None:
            return None
        key = (schedule, site.id)
        if key not in self._opening_hours:
            self._opening_hours[key] = OpeningHours(schedule, site.zone)
        return self._opening_hours[key]

    def _schedule(self, owners: Iterable[str], site_id: str) -> Schedule | None:
        """The calendar of the first owner that has one, else the site's. Many services share one."""
        site = self._calendars.get(f"site:{site_id}")
        own = next((self._calendars[owner] for owner in owners if owner in self._calendars), site)
        if own is None:
            return None
        key = (own.id, site.id if site is not None else None)
        if key not in self._schedules:
            self._schedules[key] = Schedule(own, site)
        return self._schedules[key]


def _known(entry: E | None, what: Term, id: str, tenant: str | None) -> E:
    """Another regency's entry looks like none."""
    if entry is None or (tenant is not None and entry.tenant != tenant):
        raise UnableToFind(what, id)
    return entry
