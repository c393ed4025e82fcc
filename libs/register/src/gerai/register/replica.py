"""The register of this process: read from the service's own database whenever a regency's revision has moved."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

import structlog
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from gerai.contracts.event import Event
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.selection import ALL_TENANTS, Selection
from gerai.messaging.storage import Storage
from gerai.register.entries import Entry, EntryChanged, UnusableEntry, entry_of
from gerai.register.kept_entries import RegisterEntry, RegisterRevision

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

R = TypeVar("R")


class RegisterReplica(Generic[R]):
    """`run` until cancelled; `current` is what `build` made of the newest entries that were read.

    `RegisterReplica(storage, Register)` is all that a service needs. One that makes more of the register gives its own
    `build`; with `beside`, an aggregate of its own whose changes advance the revision, too, `build` gets those as well.
    """

    def __init__(
        self, storage: Storage, build: Callable[..., R], *, beside: type[Aggregate] | None = None
    ) -> None:
        """`build(entries)`, or `build(entries, aggregates)` with `beside`: of all regencies, each an iterable."""
        self._storage = storage
        self._build = build
        self._kinds: tuple[type[Aggregate], ...] = (RegisterEntry, *((beside,) if beside is not None else ()))
        self._revisions: dict[str, int] = {}
        self._entries: dict[str, list[Entry]] = {}
        """By regency: what was read of it last."""
        self._beside: dict[str, Sequence[Any]] = {}
        self._read = asyncio.Event()
        self._looked = time.monotonic()
        self.current: R = self._made()

    async def ready(self) -> None:
        """Returns when everything was read once."""
        await self._read.wait()

    def progress(self) -> Mapping[str, str]:
        """What hangs. A store that does not answer is no reason to restart; a loop that does not turn is."""
        silent = time.monotonic() - self._looked
        return {"register": f"not looked for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        self._looked = time.monotonic()
        while True:
            begun = time.monotonic()
            try:
                await self.refresh()
            except PyMongoError as error:
                # it was asked and did not answer: no restart of this process would change that
                self._looked = time.monotonic()
                log.warning("register-not-read", error=type(error).__name__)
            await asyncio.sleep(min(max(LOOK_S, REST * (time.monotonic() - begun)), LONGEST_REST_S))

    async def refresh(self) -> None:
        """Look at the revisions first and read then: what changes in between moves them again."""
        marks = Selection(kind=RegisterRevision, where={}, limit=MOST_REVISIONS, tenant=ALL_TENANTS)
        (found,) = await self._storage.select([marks])
        revisions = {revision.id: revision.changes for revision in found}
        moved = [tenant for tenant, changes in revisions.items() if self._revisions.get(tenant) != changes]
        if moved:
            await self._load(moved)
            self.current = self._made()
            self._revisions = revisions
        self._looked = time.monotonic()
        self._read.set()

    async def _load(self, moved: list[str]) -> None:
        """Read the regencies that have moved; the others' entries are as they were."""
        found = await self._storage.select(
            [
                Selection(kind=kind, where={}, limit=MOST_OF_REGENCY, tenant=tenant)
                for tenant in moved
                for kind in self._kinds
            ]
        )
        width = len(self._kinds)
        for number, tenant in enumerate(moved):
            rows, *beside = found[number * width : (number + 1) * width]
            self._entries[tenant] = await _entries_of(rows)
            self._beside[tenant] = beside[0] if beside else ()

    def _made(self) -> R:
        entries = chain.from_iterable(self._entries.values())
        if len(self._kinds) == 1:
            return self._build(entries)
        return self._build(entries, chain.from_iterable(self._beside.values()))


async def _entries_of(rows: Sequence[RegisterEntry]) -> list[Entry]:
    entries: list[Entry] = []
    for number, row in enumerate(rows):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        if (entry := _entry_of(row)) is not None:
            entries.append(entry)
    return entries


def _entry_of(row: RegisterEntry) -> Entry | None:
    """None for an entry that this version can't read, or that no clock can use; the others must not be lost with it."""
    kind = Event.of_type(row.type)
    try:
        event = kind.parse(row.body.encode()) if kind is not None else None
        return entry_of(event, version=row.sequence) if isinstance(event, EntryChanged) else None
    except ValidationError as error:
        log.error("entry-unreadable", entry=row.id, faults=error.error_count())
    except UnusableEntry:
        log.error("entry-unusable", entry=row.id)
    return None
