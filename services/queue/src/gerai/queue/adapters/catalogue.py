"""The register as this process sees it: in memory, refreshed from the queue's own replica.

What was touched lately is read again and again, with an overlap that is longer than any transaction may take.
So an entry that commits late is not missed, whatever the order of commits.
"""

import asyncio
import time

import structlog
from pymongo.errors import PyMongoError

from gerai.contracts.event import Event
from gerai.contracts.registry import (
    CalendarChanged,
    CounterChanged,
    DeskChanged,
    InstitutionChanged,
    ServiceChanged,
    SiteChanged,
)
from gerai.messaging.mongo.driver import Database
from gerai.messaging.refusal import UnableToFind
from gerai.queue.domain.offering import Offering, Post
from gerai.queue.domain.replica import ReplicaEntry
from gerai.queue.domain.rules import DEFAULT_RULES, Rules, SiteRules

log = structlog.get_logger(__name__)

REFRESH_S = 0.4
OVERLAP_US = 90_000_000
"""Longer than a transaction may live (MongoDB ends one after 60 s)."""
RULES_LIMIT = 1_000


class Register:
    """The entries, joined on demand. Implements the use cases' `Catalogue`; knows nothing of MongoDB."""

    def __init__(self) -> None:
        self._sites: dict[str, SiteChanged] = {}
        self._institutions: dict[str, InstitutionChanged] = {}
        self._counters: dict[str, CounterChanged] = {}
        self._desks: dict[str, DeskChanged] = {}
        self._services: dict[str, ServiceChanged] = {}
        self._calendars: dict[str, CalendarChanged] = {}
        self._rules: dict[str, Rules] = {}
        self._offerings: dict[str, Offering] = {}

    def take(self, event: Event) -> None:
        """An entry as it is from now on."""
        match event:
            case SiteChanged():
                self._sites[event.id] = event
            case InstitutionChanged():
                self._institutions[event.id] = event
            case CounterChanged():
                self._counters[event.id] = event
            case DeskChanged():
                self._desks[event.id] = event
            case ServiceChanged():
                self._services[event.id] = event
            case CalendarChanged():
                self._calendars[event.id] = event
            case _:
                raise TypeError(f"{event.type} is no entry of the register")
        self._offerings.clear()

    def take_rules(self, site_id: str, rules: Rules) -> None:
        self._rules[site_id] = rules

    def offering(self, service_id: str, tenant: str | None) -> Offering:
        found = self._offerings.get(service_id)
        if found is None:
            found = self._offerings[service_id] = self._join(service_id)
        if tenant is not None and found.tenant != tenant:
            raise UnableToFind("service", service_id)
        return found

    def post(self, desk_id: str, tenant: str | None) -> Post:
        desk = self._desks.get(desk_id)
        counter = self._counters.get(desk.counter_id) if desk is not None else None
        site = self._sites.get(counter.site_id) if counter is not None else None
        if desk is None or counter is None or site is None or tenant not in (None, desk.tenant):
            raise UnableToFind("desk", desk_id)
        return Post(desk=desk, counter=counter, site=site)

    def offerings_of_site(self, site_id: str, tenant: str | None) -> list[Offering]:
        site = self._sites.get(site_id)
        if site is None or tenant not in (None, site.tenant):
            raise UnableToFind("site", site_id)
        ids = sorted(service.id for service in self._services.values() if service.site_id == site_id)
        return [self.offering(id, tenant) for id in ids if self._is_whole(id)]

    def posts_of_site(self, site_id: str) -> list[Post]:
        return [self.post(desk.id, None) for desk in self._desks.values() if desk.site_id == site_id]

    def desk_name(self, desk_id: str) -> str:
        desk = self._desks.get(desk_id)
        return desk.name if desk is not None else desk_id

    def counter_name(self, counter_id: str) -> str:
        counter = self._counters.get(counter_id)
        return counter.name if counter is not None else counter_id

    def services_of_desk(self, post: Post) -> tuple[str, ...]:
        return tuple(sorted(id for id in post.desk.service_ids if id in self._services))

    def rules(self, site_id: str) -> Rules:
        return self._rules.get(site_id, DEFAULT_RULES)

    def _is_whole(self, service_id: str) -> bool:
        service = self._services[service_id]
        return service.counter_id in self._counters and service.site_id in self._sites

    def _join(self, service_id: str) -> Offering:
        service = self._services.get(service_id)
        if service is None or not self._is_whole(service_id):
            raise UnableToFind("service", service_id)
        counter = self._counters[service.counter_id]
        institution = self._institutions.get(service.institution_id)
        owners = (f"service:{service.id}", f"counter:{counter.id}", f"site:{service.site_id}")
        calendars = [
            one for owner in owners if (one := self._calendars.get(owner)) is not None and one.active
        ]
        return Offering(
            service=service,
            counter=counter,
            site=self._sites[service.site_id],
            institution_active=institution is not None and institution.active,
            calendar=calendars[0] if calendars else None,
        )


class RegisterRefresh:
    """Keeps a `Register` current; `run` until cancelled."""

    def __init__(self, register: Register, database: Database) -> None:
        self._register = register
        self._replica = database[ReplicaEntry.collection]
        self._rules = database[SiteRules.collection]
        self._newest = 0
        self._seen: dict[str, int] = {}
        self._loaded = asyncio.Event()

    async def ready(self) -> None:
        """Returns when everything was read once."""
        await self._loaded.wait()

    async def run(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                await self.refresh()
                self._loaded.set()
            except PyMongoError as error:
                log.warning("register-not-refreshed", error=type(error).__name__)
            await asyncio.sleep(max(0.05, REFRESH_S - (time.monotonic() - begun)))

    async def refresh(self) -> None:
        # What was touched before the newest entry may still be on its way, but not for longer than the overlap.
        settled = time.time_ns() // 1000 - self._newest > OVERLAP_US
        since = self._newest if settled else max(0, self._newest - OVERLAP_US)
        lately = {"touched": {"$gt": since}}
        async for document in self._replica.find(
            lately, {"event_type": 1, "sequence": 1, "body": 1, "touched": 1}
        ):
            self._newest = max(self._newest, document["touched"])
            if self._seen.get(document["_id"], 0) < document["sequence"]:
                self._seen[document["_id"]] = document["sequence"]
                self._take(document["event_type"], document["body"])
        for document in await self._rules.find({}).limit(RULES_LIMIT).to_list(None):
            self._register.take_rules(document["_id"], Rules.model_validate(document["rules"]))

    def _take(self, event_type: str, body: bytes) -> None:
        kind = Event.of_type(event_type)
        if kind is None:
            log.error("replica-entry-unknown", event_type=event_type)
            return
        self._register.take(kind.parse(body))
