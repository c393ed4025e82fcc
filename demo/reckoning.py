"""Is anything missing? Sets of event ids: what was committed, what Kafka delivered, what each reader has taken."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gerai.chassis.testing import assembled
from gerai.messaging.mongo.driver import Database
from local.services import declarations

DRAIN_SECONDS = 45.0
LOOK_SECONDS = 0.5

EVENTS = {"aggregate": {"$exists": True}}
"""What else stands in an outbox are answers to callers."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A group of consumers."""

    group: str
    service: str
    """Its inbox is in the database of this name."""
    types: frozenset[str]
    """Of the events that it reads."""


async def every_reader() -> list[Reader]:
    """What each service of this checkout subscribes to."""
    return [
        Reader(
            group=subscription.group,
            service=service.name,
            types=frozenset(event.type for event in subscription.handlers),
        )
        for service in declarations()
        for subscription in (await assembled(service)).subscriptions
    ]


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


async def reckon(
    databases: Mapping[str, Database], readers: Sequence[Reader], published: set[str]
) -> Reckoning:
    """Inboxes are read before outboxes, so that an event that is under way shows as missing, never as unexpected."""
    taken = {reader.group: await _inbox(databases[reader.service], reader.group) for reader in readers}
    seen = frozenset(published)
    rows = {service: await _outbox(database) for service, database in databases.items()}
    types = {id: type for outbox in rows.values() for id, type in outbox.items()}
    return Reckoning(
        committed={service: frozenset(outbox) for service, outbox in rows.items()},
        published=seen,
        readings=tuple(
            Reading(
                group=reader.group,
                expected=frozenset(id for id, type in types.items() if type in reader.types),
                taken=taken[reader.group],
            )
            for reader in readers
        ),
    )


async def settle(
    databases: Mapping[str, Database], readers: Sequence[Reader], published: Callable[[], set[str]]
) -> Reckoning:
    """Look until nothing is under way any more; after a bounded time, whatever there is then."""
    ends = time.monotonic() + DRAIN_SECONDS
    while True:
        found = await reckon(databases, readers, published())
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
