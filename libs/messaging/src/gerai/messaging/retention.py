"""Retention: what is past its time is deleted, in small steps, by one process at a time.

What tells of business (tickets, days) ends by business time, so that a simulated clock shows what a real one does.
What only the machinery needs (published events, answers, inbox rows) ends by the database's own expiry, on real time;
`Keep` says how long. docs/data-map.md names every collection and how long it is kept.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog

from gerai.messaging import metrics
from gerai.messaging.consumer import Subscription
from gerai.messaging.dead_letters import replay_topic
from gerai.messaging.failures import OUTSIDE, is_away, is_nobodys_fault
from gerai.messaging.lease import HeldLease, Lease, released

log = structlog.get_logger(__name__)

STEP = 200
"""So many are deleted at once; commands go on between two steps."""
PAUSE_S = 0.1
"""Between two steps. So at most 2,000 rows a second leave, far more than ever come."""
LOOK_S = 60.0
STANDBY_S = 5.0
STUCK_S = 240.0
COUNT_LIMIT = 10_000
ZONES = timedelta(days=1)
"""A local day may end so much later than the UTC day of the same date."""
LEAST_INBOX_DAYS = 91
"""Longer than any topic keeps its records, dead letters (90 days) too, so that a late duplicate is still known."""


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How many days the database keeps the library's own rows, by its expiry; each counted from what is named here."""

    answers: int = 2
    """Answers under an idempotency key: from the answer."""
    published: int = 3
    """Events: from the broker's acknowledgement. One that waits is kept for ever."""
    inbox: int = 100
    """What a group has handled: from the handling. At least LEAST_INBOX_DAYS."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Documents of a collection that are kept for so many days, counted from one of their fields."""

    kind: str
    """What the data map calls them."""
    collection: str
    since: str
    """The field: an instant, or with `by_day` a local day ("2026-11-24"). An index must stand behind `where` and it."""
    setting: str
    """Which says how many days: "keep_tickets_days"."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """Which of the collection; all conditions are asked again at the moment of deletion."""
    by_day: bool = False
    by_real_time: bool = False
    """False: by business time."""
    watched: bool = False
    """How many there are is told by a metric, because a person should look at them before they go."""

    def past(self, at: datetime, *, days: int) -> Mapping[str, Any]:
        """The conditions under which a document has been kept for long enough."""
        limit = at - timedelta(days=days)
        last: object = str((limit - ZONES).date()) if self.by_day else limit
        return {**self.where, self.since: {"$lte": last}}


class PastDocuments(Protocol):
    """What deletes."""

    async def delete(self, collection: str, past: Mapping[str, Any], limit: int) -> int:
        """Delete up to so many documents, each only if the conditions hold for it at that moment. How many went."""
        ...

    async def count(self, collection: str, where: Mapping[str, Any], limit: int) -> int: ...


Repair = Callable[[], Awaitable[int]]
"""Brings a bounded part of what an older version wrote up to date; how many documents, and 0 when none is left."""


def own_rules(subscriptions: Iterable[Subscription], timer_names: Iterable[str]) -> tuple[Rule, ...]:
    """For the library's own rows, as far as the database's expiry cannot tell which of them nobody needs."""
    read = [
        {"group": one.group, "topic": {"$in": [*one.topics, replay_topic(one.group).name]}}
        for one in subscriptions
    ]
    return (
        Rule(
            kind="refused events",
            collection="outbox_parked",
            since="created_at",
            setting="keep_refused_events_days",
            by_real_time=True,
            watched=True,
        ),
        Rule(  # their copy is in outbox_parked
            kind="refused events, in the outbox",
            collection="outbox",
            since="created_at",
            setting="keep_published_days",
            where={"parked": True},
            by_real_time=True,
        ),
        Rule(
            kind="unread records",
            collection="parked",
            since="since",
            setting="keep_unread_records_days",
            where={"$nor": read} if read else {},
            by_real_time=True,
            watched=True,
        ),
        Rule(
            kind="unhandled timers",
            collection="timers",
            since="due",
            setting="keep_unhandled_timers_days",
            where={"name": {"$nin": sorted(timer_names)}},
            watched=True,
        ),
    )


class Retention:
    """`run` until cancelled, in every worker; the lease lets one of them work at a time."""

    def __init__(
        self,
        documents: PastDocuments,
        rules: Sequence[Rule],
        *,
        days: Mapping[str, int],
        repairs: Sequence[Repair] = (),
        lease: Lease,
        now: Callable[[], datetime],
    ) -> None:
        self._documents = documents
        self._rules = [(rule, days[rule.setting]) for rule in rules]
        self._repairs = list(repairs)
        self._lease = lease
        self._held_lease = HeldLease(lease)
        self._now = now
        self._moved = time.monotonic()

    def progress(self) -> Mapping[str, str]:
        silent = time.monotonic() - self._moved
        return {"retention": f"silent for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        try:
            self._moved = time.monotonic()
            while True:
                pause = STANDBY_S
                try:
                    if await self._holds():
                        await self.turn()
                        pause = LOOK_S
                    else:
                        self._moved = time.monotonic()
                except OUTSIDE as error:
                    self._note(error)
                    log.warning("retention-waits", error=repr(error)[:300])
                await asyncio.sleep(pause)
        finally:
            await released(self._lease)

    async def turn(self) -> None:
        """Repair and delete until nothing is left to do, or another process has the lease. What fails keeps nothing
        else from being done, and is tried again in the next turn; only for a store that is away all wait. Raises
        RetentionHandedOver, or what says that the store is away."""
        for repair in list(self._repairs):
            if await self._survives("repair", self._until_done(repair)):
                self._repairs.remove(repair)
        for rule, days in self._rules:
            await self._survives(rule.kind, self._enforce(rule, days))
            if rule.watched:
                await self._survives(rule.kind, self._watch(rule))

    async def _survives(self, kind: str, part: Awaitable[object]) -> bool:
        """Whether it was done."""
        try:
            await part
        except RetentionHandedOver:
            raise
        except Exception as error:
            if is_away(error):
                raise
            self._note(error)
            metrics.RETENTION_FAILED.labels(kind).inc()
            log.error("retention-failed", kind=kind, error=repr(error)[:300])
            return False
        return True

    def _note(self, error: Exception) -> None:
        """While the outside is away it counts as moving; where it refuses us, a person must know."""
        if is_nobodys_fault(error):
            self._moved = time.monotonic()

    async def _watch(self, rule: Rule) -> None:
        there = await self._documents.count(rule.collection, rule.where, COUNT_LIMIT)
        metrics.RETENTION_WATCHED.labels(rule.kind).set(there)

    async def _enforce(self, rule: Rule, days: int) -> None:
        past = rule.past(datetime.now(UTC) if rule.by_real_time else self._now(), days=days)

        async def step() -> int:
            gone = await self._documents.delete(rule.collection, past, STEP)
            metrics.RETENTION_DELETED.labels(rule.kind).inc(gone)
            return gone

        if gone := await self._until_done(step, enough=STEP):
            log.info("retention", kind=rule.kind, deleted=gone, days=days)

    async def _until_done(self, step: Repair, *, enough: int = 1) -> int:
        """Steps until one has less than `enough` to do. Raises RetentionHandedOver."""
        done = 0
        while True:
            if not await self._holds():
                raise RetentionHandedOver
            part = await step()
            done += part
            self._moved = time.monotonic()
            if part < enough:
                return done
            await asyncio.sleep(PAUSE_S)

    async def _holds(self) -> bool:
        return await self._held_lease.holds()


class RetentionHandedOver(ConnectionError):
    """Another process does it now."""
