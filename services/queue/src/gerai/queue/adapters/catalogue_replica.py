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
from gerai.queue.domain.rules import SiteRules

log = structlog.get_logger(__name__)

LOOK_S = 0.3
STUCK_S = 30.0
MOST_REVISIONS = 1_000
MOST_ENTRIES = 200_000


class CatalogueReplica:
    """`run` until cancelled; `current` is the newest catalogue that was read."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._revisions: dict[str, int] = {}
        self._events: dict[str, list[EntryChanged]] = {}
        """By regency: what was read of it last."""
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
            try:
                await self.refresh()
            except PyMongoError as error:
                # it was asked and did not answer: no restart of this process would change that
                self._looked = time.monotonic()
                log.warning("catalogue-not-read", error=type(error).__name__)
            await asyncio.sleep(LOOK_S)

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
        entries, rules = await self._storage.select(
            [
                Selection(
                    kind=RegisterEntry,
                    where={"tenant": {"$in": moved}},
                    limit=MOST_ENTRIES,
                    tenant=ALL_TENANTS,
                ),
                Selection(kind=SiteRules, where={}, limit=MOST_REVISIONS, tenant=ALL_TENANTS),
            ]
        )
        self._events.update({tenant: [] for tenant in moved})
        for entry in entries:
            if (event := _event_of(entry)) is not None:
                self._events[entry.tenant].append(event)
        events = chain.from_iterable(self._events.values())
        catalogue = Catalogue(events, {one.id: one.rules for one in rules})
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
