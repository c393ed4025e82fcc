"""The catalogue of this process: read from the queue's own database whenever its revision has moved."""

import asyncio
import time
from collections.abc import Mapping
from itertools import chain

import structlog
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from gerai.contracts.event import Event
from gerai.messaging.selection import ALL_TENANTS, Selection
from gerai.messaging.storage import Storage
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.register_entry import CatalogueRevision, EntryChanged, RegisterEntry
from gerai.queue.domain.rules import Rules, SiteRules

log = structlog.get_logger(__name__)

LOOK_S = 0.3
STUCK_S = 30.0
MOST_REVISIONS = 1_000
MOST_OF_REGENCY = 60_000
"""Above what the registry lets one regency have, so that nobody's entries push out another's."""
SLICE = 100
"""Entries that are taken apart between two turns of the loop."""
REST = 4
"""Times as long as a reading took, before the next: a regency that imports for minutes is read again and again, and
must not take more than a fifth of the process's time."""
LONGEST_REST_S = 5.0


class CatalogueReplica:
    """`run` until cancelled; `current` is the newest catalogue that was read."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._revisions: dict[str, int] = {}
        self._events: dict[str, list[EntryChanged]] = {}
        """By regency: what was read of it last."""
        self._rules: dict[str, dict[str, Rules]] = {}
        """By regency and site."""
        self._read = asyncio.Event()
        self._looked = time.monotonic()
        self.current = Catalogue()

    async def ready(self) -> None:
        """Returns when everything was read once."""
        await self._read.wait()

    def progress(self) -> Mapping[str, str]:
        """What hangs. A store that does not answer is no reason to restart; a loop that does not turn is."""
        silent = time.monotonic() - self._looked
        return {"catalogue": f"not looked for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        self._looked = time.monotonic()
        while True:
            begun = time.monotonic()
            try:
                await self.refresh()
            except PyMongoError as error:
                # it was asked and did not answer: no restart of this process would change that
                self._looked = time.monotonic()
                log.warning("catalogue-not-read", error=type(error).__name__)
            await asyncio.sleep(min(max(LOOK_S, REST * (time.monotonic() - begun)), LONGEST_REST_S))

    async def refresh(self) -> None:
        """Look at the revisions first and read then: what changes in between moves them again."""
        marks = Selection(kind=CatalogueRevision, where={}, limit=MOST_REVISIONS, tenant=ALL_TENANTS)
        (found,) = await self._storage.select([marks])
        revisions = {revision.id: revision.changes for revision in found}
        moved = [tenant for tenant, changes in revisions.items() if self._revisions.get(tenant) != changes]
        if moved:
            self.current = await self._load(moved)
            self._revisions = revisions
        self._looked = time.monotonic()
        self._read.set()

    async def _load(self, moved: list[str]) -> Catalogue:
        """Read the regencies that have moved; the others' entries are as they were."""
        found = await self._storage.select(
            [
                Selection(kind=kind, where={}, limit=MOST_OF_REGENCY, tenant=tenant)
                for tenant in moved
                for kind in (RegisterEntry, SiteRules)
            ]
        )
        for tenant, entries, rules in zip(moved, found[::2], found[1::2], strict=True):
            self._rules[tenant] = {one.id: one.rules for one in rules}
            events = self._events[tenant] = []
            for number, entry in enumerate(entries):
                if number % SLICE == 0:
                    await asyncio.sleep(0)
                if (event := _event_of(entry)) is not None:
                    events.append(event)
        catalogue = Catalogue(
            chain.from_iterable(self._events.values()),
            {id: rules for of_regency in self._rules.values() for id, rules in of_regency.items()},
        )
        for id in catalogue.unusable:
            log.error("entry-unusable", entry=id)
        return catalogue


def _event_of(entry: RegisterEntry) -> EntryChanged | None:
    """None for an entry that this version can't read; the others must not be lost with it."""
    kind = Event.of_type(entry.type)
    try:
        event = kind.parse(entry.body.encode()) if kind is not None else None
    except ValidationError as error:
        log.error("entry-unreadable", entry=entry.id, faults=error.error_count())
        return None
    return event if isinstance(event, EntryChanged) else None
