"""Is anything missing? Sets of event ids: what was committed, what Kafka delivered, what each reader has taken."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gerai.contracts import queue, registry
from gerai.messaging.mongo.driver import Database

DRAIN_SECONDS = 45.0
LOOK_SECONDS = 0.5

SERVICES_RECKONED = ("registry", "queue", "hourly")

READERS: Mapping[str, tuple[str, frozenset[str]]] = {
    "hourly.count": ("hourly", frozenset({queue.TicketIssued.type})),
    "queue.register": (
        "queue",
        frozenset(
            event.type
            for event in (
                registry.SiteChanged,
                registry.InstitutionChanged,
                registry.CounterChanged,
                registry.DeskChanged,
                registry.ServiceChanged,
                registry.CalendarChanged,
            )
        ),
    ),
}
"""Consumer group → the database with its inbox, and the event types that it reads."""

EVENTS = {"aggregate": {"$exists": True}}
"""What else stands in an outbox are answers to callers."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One group of consumers: what it should have taken, and what is in its inbox."""

    group: str
    expected: frozenset[str]
    taken: frozenset[str]

    @property
    def missing(self) -> frozenset[str]:
        return self.expected - self.taken

    @property
    def unexpected(self) -> frozenset[str]:
        return self.taken - self.expected


@dataclass(frozen=True, kw_only=True)
class Reckoning:
    committed: Mapping[str, frozenset[str]]
    """Service → ids in its outbox."""
    published: frozenset[str]
    readings: tuple[Reading, ...]

    @property
    def all_committed(self) -> frozenset[str]:
        return frozenset().union(*self.committed.values())

    @property
    def unpublished(self) -> frozenset[str]:
        return self.all_committed - self.published

    @property
    def unknown(self) -> frozenset[str]:
        """Published, but never committed."""
        return self.published - self.all_committed

    @property
    def balanced(self) -> bool:
        differences = [self.unpublished, self.unknown]
        differences += [side for one in self.readings for side in (one.missing, one.unexpected)]
        return not any(differences)


async def reckon(databases: Mapping[str, Database], published: set[str]) -> Reckoning:
    """Inboxes are read before outboxes, so that an event that is under way shows as missing, never as unexpected."""
    taken = {group: await _inbox(databases[where], group) for group, (where, _) in READERS.items()}
    seen = frozenset(published)
    rows = {service: await _outbox(database) for service, database in databases.items()}
    types = {id: type for outbox in rows.values() for id, type in outbox.items()}
    return Reckoning(
        committed={service: frozenset(outbox) for service, outbox in rows.items()},
        published=seen,
        readings=tuple(
            Reading(
                group=group,
                expected=frozenset(id for id, type in types.items() if type in wanted),
                taken=taken[group],
            )
            for group, (_, wanted) in READERS.items()
        ),
    )


async def settle(databases: Mapping[str, Database], published: Callable[[], set[str]]) -> Reckoning:
    """Look until nothing is under way any more; after a bounded time, whatever there is then."""
    ends = time.monotonic() + DRAIN_SECONDS
    while True:
        found = await reckon(databases, published())
        if found.balanced or time.monotonic() > ends:
            return found
        await asyncio.sleep(LOOK_SECONDS)


async def _outbox(database: Database) -> dict[str, str]:
    rows = await database["outbox"].find(EVENTS, {"type": 1}).to_list(None)
    return {row["_id"]: row["type"] for row in rows}


async def _inbox(database: Database, group: str) -> frozenset[str]:
    prefix = f"{group}:"
    rows = await database["inbox"].find({}, {"_id": 1}).to_list(None)
    return frozenset(row["_id"].removeprefix(prefix) for row in rows if row["_id"].startswith(prefix))
