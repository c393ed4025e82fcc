"""What the registry has published, joined to what the queue needs to decide."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from gerai.contracts.registry import CalendarChanged, CounterChanged, DeskChanged, ServiceChanged, SiteChanged


@dataclass(frozen=True, kw_only=True)
class Offering:
    """A service with its surroundings, as the registry last told."""

    service: ServiceChanged
    counter: CounterChanged
    site: SiteChanged
    institution_active: bool
    calendar: CalendarChanged | None
    """The most specific one that there is: the service's, its counter's, or the site's."""

    @property
    def tenant(self) -> str:
        return self.service.tenant

    @property
    def active(self) -> bool:
        return self.service.active and self.counter.active and self.site.active and self.institution_active

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.site.zone)

    def local_day(self, at: datetime) -> date:
        """The site's day; never the UTC day."""
        return at.astimezone(self.zone).date()


@dataclass(frozen=True, kw_only=True)
class Post:
    """A desk with its surroundings."""

    desk: DeskChanged
    counter: CounterChanged
    site: SiteChanged

    @property
    def tenant(self) -> str:
        return self.desk.tenant
