"""The register as the queue sees it: with the rules of each site, and who is called by whom."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from gerai.queue.domain.calling import served_set
from gerai.queue.domain.opening import Code, Opening, opening
from gerai.queue.domain.rules import DEFAULTS, RangeEnd, Rules, SiteRules
from gerai.queue.domain.service_day import ServiceDay, prefix_is_free
from gerai.register.entries import Desk, Entry, Service
from gerai.register.register import Register


class Catalogue(Register):
    """One state of it; a newer one is another object."""

    def __init__(self, entries: Iterable[Entry] = (), rules: Iterable[SiteRules] = ()) -> None:
        super().__init__(entries)
        self._rules = {of_site.id: of_site.rules for of_site in rules}
        self._wait_limits = {
            service.id: service.wait_limit
            for service in self._services.values()
            if service.wait_limit is not None
        }
        self._rivals = self._find_rivals()
        self._callers_of, self._callers_at = self._find_callers()

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

    def served_by(self, desk: Desk) -> list[Service]:
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

    def opening_of(
        self,
        service: Service,
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
            manually_closed=day is not None and day.closed,
            issued=day.issued if day is not None else 0,
            quota=service.daily_quota,
            last=service.number_range_end if ends else None,
            prefix_free=prefix_is_free(service, day, today),
            at=at,
        )
