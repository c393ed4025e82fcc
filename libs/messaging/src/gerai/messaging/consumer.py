"""A consumer group's handling of records: each effect once, each key in order, poison aside, others flowing.

This module knows nothing of Kafka: `kafka.subscriber` brings records and commits offsets.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from gerai.contracts.codec import Undecodable, decode, peek
from gerai.contracts.event import Envelope, Event
from gerai.messaging import metrics
from gerai.messaging.context import Context
from gerai.messaging.dead_letters import dead_letter
from gerai.messaging.failures import TRANSIENT
from gerai.messaging.group_commit import GroupCommit, Needs
from gerai.messaging.outcomes import DeadLetter, Outcome, Park, Retry
from gerai.messaging.parking import ATTEMPTS, Parked, Parking
from gerai.messaging.record import Record
from gerai.messaging.refusal import Refusal
from gerai.messaging.storage import Once, OnceKind
from gerai.messaging.tracing import handling
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

FAULTS_BEFORE_PARKING = 3
LONGEST_BACKOFF_S = 5.0
LARGEST_RECORD = 1024 * 1024
PASSES_BY_ITSELF: tuple[type[Exception], ...] = (Retry, *TRANSIENT)


class Handler(Protocol):
    """Reacts to one event within the transaction of its inbox row. It may run again, so it changes nothing but
    what it does through `uow`."""

    async def __call__(self, event: Any, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """What a service wants to know from others. The topics follow from the events."""

    group: str
    """Also names its inbox rows and its dead letters: "queue.registry-replica"."""
    handlers: Mapping[type[Event], Handler]
    needs: Callable[[Envelope], Needs] = field(default=lambda envelope: Needs())

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(sorted({event.topic.name for event in self.handlers}))


class Consumer:
    """Handles the records of one subscription. One per process and subscription."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        commit: GroupCommit,
        parking: Parking,
        now: Callable[[], datetime],
    ) -> None:
        self.subscription = subscription
        self._commit = commit
        self._parking = parking
        self._now = now
        self._by_type = {event.type: handler for event, handler in subscription.handlers.items()}
        self.moved = time.monotonic()

    async def handle(self, records: Sequence[Record]) -> None:
        """All records of one poll: lanes side by side, within a lane one after the other.

        Returns when every record is done, skipped, parked or a dead letter. Waits for as long as the store is
        away; cancel it to stop.
        """
        lanes: dict[str, list[Record]] = {}
        for record in records:
            lanes.setdefault(record.lane, []).append(record)
        await asyncio.gather(*(self._handle_lane(lane) for lane in lanes.values()))

    async def retry_parked(self, *, owns: Callable[[Record], bool], now: datetime) -> None:
        """Try what waits and is due, each lane from its oldest record on; stops a lane at the first that fails.

        The caller makes sure that no new record of these lanes is handled at the same time.
        """
        blocked: set[str] = set()
        for parked in await self._parking.load():
            record = parked.record
            if record.lane in blocked or not owns(record):
                continue
            if (parked.retry_at > now and parked.attempts > 0) or not await self._retry_one(parked):
                blocked.add(record.lane)
        await self._parking.load()

    async def _retry_one(self, parked: Parked) -> bool:
        try:
            await self.attempt(parked.record, parked_id=parked.id, attempts=parked.attempts + 1)
        except Exception as error:  # noqa: BLE001  it stays parked, with one more attempt to its name
            if isinstance(error, TRANSIENT):
                return False
            if parked.attempts + 1 >= ATTEMPTS:
                await self._bury(parked.record, "gave_up", repr(error)[:300], parked.id, parked.attempts + 1)
                return True
            await self._park(parked.record, repr(error)[:300], attempts=parked.attempts + 1)
            return False
        return True

    async def _handle_lane(self, records: list[Record]) -> None:
        for record in records:
            outcome = await self._persist(record)
            metrics.HANDLED.labels(self.subscription.group, outcome).inc()
            self.moved = time.monotonic()

    async def _persist(self, record: Record) -> Outcome:
        """Try until there is an outcome; only failures that pass by themselves are tried again here."""
        faults, waits = 0, 0
        while True:
            try:
                if self._parking.holds(record):
                    await self._park(record, "follows a parked record", attempts=0)
                    return Outcome.PARKED
                return await self.attempt(record)
            except Park as reason:
                await self._park(record, str(reason), attempts=faults + 1)
                return Outcome.PARKED
            except PASSES_BY_ITSELF as error:
                waits += 1
                log.warning("record-retried", place=record.place, error=repr(error)[:300], waits=waits)
            except Exception as error:
                faults += 1
                log.error("handler-failed", place=record.place, faults=faults, exc_info=error)
                if faults >= FAULTS_BEFORE_PARKING:
                    await self._park(record, repr(error)[:300], attempts=faults)
                    return Outcome.PARKED
            metrics.HANDLED.labels(self.subscription.group, Outcome.RETRY).inc()
            self.moved = time.monotonic()
            await asyncio.sleep(min(0.05 * 2 ** min(waits + faults, 10), LONGEST_BACKOFF_S))

    async def attempt(self, record: Record, *, parked_id: str | None = None, attempts: int = 1) -> Outcome:
        """One try. Raises Park, Retry, a transient failure or the handler's own error; nothing is changed then."""
        try:
            if record.value is not None and len(record.value) > LARGEST_RECORD:
                raise DeadLetter("too_large")
            handler = self._by_type.get(peek(record.headers, record.value))
            if handler is None:
                self._skip_or_refuse(record)
                return Outcome.SKIPPED
            envelope = decode(record.key, record.value, record.headers)
        except Undecodable as error:
            return await self._bury(record, error.reason, error.detail, parked_id, attempts)
        except DeadLetter as error:
            return await self._bury(record, error.reason, "", parked_id, attempts)
        if envelope.replayed_for not in (None, self.subscription.group):
            return Outcome.SKIPPED
        try:
            return await self._react(handler, envelope, record, parked_id)
        except Refusal as refusal:
            return await self._bury(record, refusal.code, str(refusal), parked_id, attempts)
        except DeadLetter as error:
            return await self._bury(record, error.reason, "", parked_id, attempts)

    def _skip_or_refuse(self, record: Record) -> None:
        """A type that nobody here asked for is skipped if it is known, and is poison if it is not."""
        decode(record.key, record.value, record.headers)

    async def _react(
        self, handler: Handler, envelope: Envelope, record: Record, parked_id: str | None
    ) -> Outcome:
        at = self._now()
        with handling(envelope, record.topic, self.subscription.group) as traceparent:
            context = Context(
                tenant=None,
                actor=f"consumer:{self.subscription.group}",
                correlation_id=envelope.correlation_id,
                causation_id=str(envelope.id),
                traceparent=traceparent,
            )

            async def command(uow: UnitOfWork) -> None:
                await handler(envelope.event, envelope, uow=uow, at=at)
                if parked_id is not None:
                    self._parking.forget(uow, parked_id)

            once = Once(kind=OnceKind.INBOX, key=f"{self.subscription.group}:{envelope.id}")
            answer = await self._commit.execute(
                command, context=context, once=once, needs=self.subscription.needs(envelope)
            )
        repeated = answer is not None and answer.repeated
        if repeated and parked_id is not None:
            await self._parking.drop(parked_id)
        return Outcome.REPEATED if repeated else Outcome.DONE

    async def _bury(
        self, record: Record, reason: str, detail: str, parked_id: str | None, attempts: int
    ) -> Outcome:
        row = dead_letter(
            record, group=self.subscription.group, reason=reason, detail=detail, attempts=attempts
        )
        log.error("dead-letter", place=record.place, reason=reason, group=self.subscription.group)

        async def command(uow: UnitOfWork) -> None:
            uow.forward(row)
            if parked_id is not None:
                self._parking.forget(uow, parked_id)

        once = Once(kind=OnceKind.INBOX, key=f"{self.subscription.group}:dead:{record.place}")
        await self._commit.execute(command, context=self._own_context(record), once=once)
        return Outcome.DEAD_LETTER

    async def _park(self, record: Record, reason: str, *, attempts: int) -> None:
        log.warning("record-parked", place=record.place, reason=reason, group=self.subscription.group)
        self._parking.remember(record)

        async def command(uow: UnitOfWork) -> None:
            self._parking.keep(uow, record, reason=reason, attempts=attempts)

        while True:
            try:
                await self._commit.execute(command, context=self._own_context(record))
                return
            except TRANSIENT as error:
                log.warning("parking-retried", place=record.place, error=repr(error)[:300])
                await asyncio.sleep(1.0)

    def _own_context(self, record: Record) -> Context:
        return Context(tenant=None, actor=f"consumer:{self.subscription.group}", correlation_id=record.place)
