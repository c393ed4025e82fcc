"""A consumer group's handling of records: each effect once, each key in order, poison aside, others flowing.

This module knows nothing of Kafka: `kafka.subscriber` brings records and commits offsets.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import structlog

from gerai.contracts.codec import Reason, Undecodable, believe, decode, peek
from gerai.contracts.event import Envelope, Event
from gerai.messaging import metrics
from gerai.messaging.command import needs_of
from gerai.messaging.context import Context
from gerai.messaging.dead_letters import dead_letter, replay_topic
from gerai.messaging.failures import Failure, is_away, kind_of
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.outcomes import DeadLetter, Outcome, Park, Retry
from gerai.messaging.parking import NOT_COUNTED, Counts, Parked, Parking, Partitions
from gerai.messaging.record import Record
from gerai.messaging.refusal import Refusal
from gerai.messaging.storage import EVENT_INDEX, Contended, IdempotencyKey, KeyKind, KeyTaken, StoreBusy
from gerai.messaging.tracing import handling
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)
T = TypeVar("T")

FAULTS_BEFORE_PARKING = 3
"""Of a handler; and so often others may be faster, each time after a group's own tries."""
WAITS_BEFORE_PARKING = 8
"""Some ten seconds; then what a record waits for holds up nobody but its own key."""
LONGEST_BACKOFF_S = 5.0
SAID_EVERY_S = 10.0
LARGEST_RECORD = 1024 * 1024
LARGEST_BESIDE = 256 * 1024
"""Of its key and headers."""
PARKED_LANES = 64
PARKED_OF_LANE = 200
"""What one round of parked records takes on, so that new ones are not held up for long."""
PATIENCE = timedelta(hours=24)
REPLAYED_FOR = "ce_replayedfor"


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
    refusals: Mapping[str, Outcome] = field(default_factory=dict)
    """What a refusal's code means here: DONE (nothing to do any more), PARKED; DEAD_LETTER where not named."""
    patience: timedelta = PATIENCE
    """How long a parked record is tried before it is given up as a dead letter."""

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
        self._replays = replay_topic(subscription.group).name
        self._actor = f"consumer:{subscription.group}"
        self.moved = time.monotonic()
        """When a record last came to an outcome, or waited for a store that was away."""
        self._said = float("-inf")

    async def handle(self, records: Sequence[Record]) -> None:
        """All records of one poll: lanes side by side, within a lane one after the other.

        Returns when every record is done, skipped, parked or a dead letter. Waits for as long as the store is
        away; cancel it to stop.
        """
        lanes: dict[str, list[Record]] = {}
        for record in records:
            lanes.setdefault(record.lane, []).append(record)
        await _all(self._handle_lane(lane) for lane in lanes.values())

    async def load_parked(self) -> None:
        """Learn which lanes wait; before the first record of a newly assigned partition is handled."""
        await self._patiently(self._parking.load)

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """What a step of our own comes to. While the store is away, or this process has too much in hand, it is tried
        again in place: a group that waits keeps its partitions. Only the store's absence counts as moving."""
        pauses = 0
        while True:
            try:
                return await step()
            except Exception as error:
                if not _is_waited_for(error):
                    raise
                self._note_wait(error)
            await asyncio.sleep(_pause(pauses))
            pauses += 1

    def _note_wait(self, error: Exception) -> None:
        """Said once in a while, not for each record that waits for the same thing."""
        now, away = time.monotonic(), is_away(error)
        if away:
            self.moved = now
        if now - self._said >= SAID_EVERY_S:
            self._said = now
            log.warning(
                "consumer-waits-for-store" if away else "consumer-waits-for-room",
                group=self.subscription.group,
                error=repr(error)[:300],
            )

    async def retry_parked(self, *, owned: Partitions, now: datetime, counts: Counts = NOT_COUNTED) -> None:
        """Try what waits in these partitions and is due, each lane from its oldest record on; stops a lane at the first
        that fails. `counts`: of the topics, where they are known: so is who tries what stood in a partition that is
        no more.

        The caller makes sure that no new record of these lanes is handled at the same time.
        """
        first = await self._patiently(
            lambda: self._parking.due(now, PARKED_LANES, owned=owned, counts=counts)
        )
        await _all(self._retry_lane(record, now) for record in first)
        if first:
            self.moved = time.monotonic()
        await self.load_parked()

    async def _retry_lane(self, first: Record, now: datetime) -> None:
        """One by one: each may be large, and 64 lanes are tried side by side."""
        for _ in range(PARKED_OF_LANE):
            waiting = await self._patiently(lambda: self._parking.of_lane(first, 1))
            if not waiting:
                return
            (parked,) = waiting
            try:
                outcome = await self.attempt(parked.record, parked=parked)
            except Exception as error:  # noqa: BLE001  it stays parked, with one more attempt to its name
                if _is_waited_for(error):  # not its own fault: it is due still
                    self._note_wait(error)
                    return
                if not await self._give_up(parked, error, now):
                    return
                outcome = Outcome.DEAD_LETTER
            if outcome is Outcome.SKIPPED:  # the subscription has changed meanwhile
                await self._drop(parked)
            metrics.HANDLED.labels(self.subscription.group, outcome).inc()

    async def _give_up(self, parked: Parked, error: Exception, now: datetime) -> bool:
        """Bury what has waited for long enough; else wait on. A follower's time, too, begins with its parking: else a lane
        of which all fail would take a day for each. It is tried at least once."""
        reason, attempts = repr(error)[:300], parked.attempts + 1
        if now - parked.since > self.subscription.patience:
            await self._bury(parked.record, "gave_up", reason, parked, attempts)
            return True
        await self._park(parked.record, reason, attempts=attempts, again=parked)
        return False

    async def _handle_lane(self, records: list[Record]) -> None:
        for record in records:
            outcome = await self._persist(record)
            metrics.HANDLED.labels(self.subscription.group, outcome).inc()
            self.moved = time.monotonic()

    async def _persist(self, record: Record) -> Outcome:
        """Try until there is an outcome. While the store is away this waits in place, for ever: nothing else
        could be done. Everything else is tried a bounded number of times and ends in parking the key: what a handler
        waits for or fails at, what others were faster at. What the store refuses is parked at once, with its reason."""
        faults, waits, pauses = 0, 0, 0
        while True:
            try:
                # what is too large never has an effect, so it need not wait for its turn, and could not be kept
                if self._parking.holds(record) and not _is_too_large(record):
                    if await self._parking.has(
                        record
                    ):  # delivered again; its attempts and its patience go on
                        return Outcome.PARKED
                    return await self._park(record, "follows a parked record", attempts=0)
                return await self.attempt(record, attempts=1 + faults + waits)
            except Park as reason:
                return await self._park(record, str(reason), attempts=1)
            except Exception as error:
                kind = kind_of(error)
                if _is_waited_for(error):
                    self._note_wait(error)
                elif kind is None and isinstance(error, (Retry, OSError, TimeoutError)):
                    waits += 1
                    log.warning("record-retried", place=record.place, error=repr(error)[:300], waits=waits)
                else:
                    faults += 1
                    log.error("handler-failed", place=record.place, kind=kind, faults=faults, exc_info=error)
                if (
                    kind is Failure.REFUSED
                    or faults >= FAULTS_BEFORE_PARKING
                    or waits >= WAITS_BEFORE_PARKING
                ):
                    return await self._park(record, repr(error)[:300], attempts=1)
            metrics.HANDLED.labels(self.subscription.group, Outcome.RETRY).inc()
            await asyncio.sleep(_pause(pauses))
            pauses += 1

    async def attempt(self, record: Record, *, parked: Parked | None = None, attempts: int = 1) -> Outcome:
        """One try. Raises Park, Retry, a transient failure or the handler's own error; nothing is changed then."""
        if self._is_for_another(record):
            return Outcome.SKIPPED
        tries = attempts if parked is None else parked.attempts + 1
        try:
            if _is_too_large(record):
                raise DeadLetter("too_large")
            handler = self._by_type.get(peek(record.headers, record.value))
            envelope = decode(record.key, record.value, record.headers)
            if handler is None or envelope.replayed_for not in (None, self.subscription.group):
                return Outcome.SKIPPED
            self._require_truth(envelope, record)
            return await self._react(handler, envelope, record, parked)
        except Undecodable as error:
            return await self._bury(record, error.reason, error.detail, parked, tries)
        except DeadLetter as error:
            return await self._bury(record, error.reason, "", parked, tries)
        except Refusal as refusal:
            match self.subscription.refusals.get(refusal.code, Outcome.DEAD_LETTER):
                case Outcome.DONE:
                    return await self._let_go(parked)
                case Outcome.PARKED:
                    raise Park(refusal.code) from refusal
                case _:
                    return await self._bury(record, refusal.code, str(refusal), parked, tries)

    def _require_truth(self, envelope: Envelope, record: Record) -> None:
        """Raises Undecodable for what its topic's owner has not said, or not so. On the group's own topic of replays,
        which operators write, the topic that it came from counts."""
        is_replay = record.topic == self._replays
        if envelope.overrides is not None and not is_replay:
            raise Undecodable(Reason.WRONG_TOPIC, "only a replay overrides what is known")
        believe(envelope, key=record.key, topic=(envelope.replayed_from or "") if is_replay else record.topic)

    def _is_for_another(self, record: Record) -> bool:
        """A replay for another group is none of our business, whatever is in it."""
        group = self.subscription.group.encode()
        return any(name == REPLAYED_FOR and value != group for name, value in record.headers)

    async def _let_go(self, parked: Parked | None) -> Outcome:
        if parked is not None:
            await self._drop(parked)
        return Outcome.DONE

    async def _drop(self, parked: Parked) -> None:
        await self._patiently(lambda: self._parking.drop(parked.id))

    async def _react(
        self, handler: Handler, envelope: Envelope, record: Record, parked: Parked | None
    ) -> Outcome:
        at = self._now()
        with handling(envelope, record, self.subscription.group) as traceparent:
            context = Context(
                tenant=None,
                actor=self._actor,
                correlation_id=envelope.correlation_id,
                causation_id=str(envelope.id),
                traceparent=traceparent,
            )

            async def command(uow: UnitOfWork) -> None:
                await handler(envelope.event, envelope, uow=uow, at=at)
                if parked is not None:
                    self._parking.forget(uow, parked.id)

            again = f":{envelope.overrides}" if envelope.overrides is not None else ""
            idempotency_key = IdempotencyKey(
                kind=KeyKind.INBOX, key=f"{self.subscription.group}:{envelope.id}{again}"
            )
            answer = await self._commit.execute(
                command,
                context=context,
                idempotency_key=idempotency_key,
                needs=needs_of(handler, (envelope.event, envelope), {}, tenant=None, at=at),
            )
        repeated = answer is not None and answer.repeated
        if repeated and parked is not None:
            await self._drop(parked)
        return Outcome.REPEATED if repeated else Outcome.DONE

    async def _bury(
        self, record: Record, reason: str, detail: str, parked: Parked | None, attempts: int
    ) -> Outcome:
        row = dead_letter(
            record, group=self.subscription.group, reason=reason, detail=detail, attempts=attempts
        )
        log.error("dead-letter", place=record.place, reason=reason, group=self.subscription.group)

        async def command(uow: UnitOfWork) -> None:
            uow.forward(row)
            if parked is not None:
                self._parking.forget(uow, parked.id)

        idempotency_key = IdempotencyKey(
            kind=KeyKind.INBOX, key=f"{self.subscription.group}:dead:{record.identity}"
        )
        try:
            answer = await self._commit.execute(
                command, context=self._own_context(record), idempotency_key=idempotency_key
            )
            is_there = answer is not None and answer.repeated
        except KeyTaken as taken:
            if (taken.collection, taken.index) != EVENT_INDEX:
                raise
            is_there = True  # its letter is in the outbox, and what was known of that has been removed
        if parked is not None and is_there:
            await self._drop(parked)
        return Outcome.DEAD_LETTER

    async def _park(
        self, record: Record, reason: str, *, attempts: int, again: Parked | None = None
    ) -> Outcome:
        log.warning("record-parked", place=record.place, reason=reason, group=self.subscription.group)

        async def command(uow: UnitOfWork) -> None:
            self._parking.keep(uow, record, reason=reason, attempts=attempts, again=again)

        await self._patiently(lambda: self._commit.execute(command, context=self._own_context(record)))
        self._parking.kept(record)
        return Outcome.PARKED

    def _own_context(self, record: Record) -> Context:
        return Context(tenant=None, actor=self._actor, correlation_id=record.place)


def _is_waited_for(error: Exception) -> bool:
    """The store is away, or this process has too much in hand: no record's fault, and nothing else could be done."""
    return is_away(error) or (isinstance(error, StoreBusy) and not isinstance(error, Contended))


def _is_too_large(record: Record) -> bool:
    return len(record.value or b"") > LARGEST_RECORD or record.size_beside > LARGEST_BESIDE


def _pause(pauses: int) -> float:
    """Seconds before the next try."""
    return min(0.05 * float(2 ** min(pauses, 10)), LONGEST_BACKOFF_S)


async def _all(lanes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Every lane to its end, though one fails; the first failure is raised after the last lane has ended."""
    for ended in await asyncio.gather(*lanes, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
