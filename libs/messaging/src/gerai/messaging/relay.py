"""The relay: carries committed events from the outbox to Kafka, for ever.

Polling for pending rows is the truth; `wake` only makes it fast. One process of a service relays at a time
(a lease), so an aggregate's events keep their order; a row that is sent twice is absorbed by every
consumer's inbox. The broker may be away for as long as it likes: commands go on, and the backlog drains by
itself when it is back.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

import structlog

from gerai.messaging import metrics
from gerai.messaging.failures import OUTSIDE, is_nobodys_fault
from gerai.messaging.lease import HeldLease, Lease, LeaseLost, released
from gerai.messaging.outbox import Outbox, Pending, Published, Publisher
from gerai.messaging.tracing import begin_publish, end_publish

log = structlog.get_logger(__name__)

BATCH = 1_000
BATCHES = 50
"""In a row; then the outbox is read from its beginning again, for what came to stand before."""
PACE_S = 0.05
"""Between two batches that are not full. A batch of one costs the broker, the database and this process nearly
as much as one of fifty."""
IDLE_POLL_S = 0.1
STANDBY_S = 1.0
BUSY_FOR_S = 5.0
LONGEST_PAUSE_S = 5.0
MEASURE_S = 5.0
STUCK_S = 120.0
TIMED_PER_BATCH = 50
"""How many rows of a batch the latency histogram takes; more would cost more than sending them."""

Connect = Callable[[], Awaitable[Publisher]]


class ProducerBroke(ConnectionError):
    """A publisher that can't be trusted any more was thrown away; a new one reads the outbox again."""


class Relay:
    """`run` until cancelled."""

    def __init__(self, outbox: Outbox, connect: Connect, lease: Lease) -> None:
        self._outbox = outbox
        self._connect = connect
        self._lease = lease
        self._held_lease = HeldLease(lease)
        self._publisher: Publisher | None = None
        self._resting = _RestingTopics()
        self._woken = asyncio.Event()
        self._busy_until = 0.0
        self._measured = float("-inf")
        self._moved = time.monotonic()
        self._broken_since: float | None = None
        self._failures = 0

    def wake(self) -> None:
        """Something was committed in this process."""
        self._woken.set()

    def progress(self) -> Mapping[str, str]:
        """Liveness: rows are acknowledged, or none waits. A broker or a store that does not answer is no reason to
        restart; brokers that answer while nothing is ever acknowledged are."""
        now = time.monotonic()
        if now - self._moved > STUCK_S:
            return {"relay": f"has not moved for {now - self._moved:.0f} s"}
        if self._broken_since is not None and now - self._broken_since > STUCK_S:
            return {"relay": f"nothing was acknowledged for {now - self._broken_since:.0f} s"}
        return {}

    async def run(self) -> None:
        try:
            self._moved = time.monotonic()
            while True:
                try:
                    await self._wait(await self._turn())
                    self._failures, self._moved = 0, time.monotonic()
                except OUTSIDE as error:
                    self._failures += 1
                    if is_nobodys_fault(error):
                        self._moved = time.monotonic()
                    if not isinstance(error, ProducerBroke):
                        self._broken_since = None
                    log.warning("relay-waits", error=repr(error)[:300], failures=self._failures)
                    await asyncio.sleep(min(0.1 * 2 ** min(self._failures, 8), LONGEST_PAUSE_S))
        finally:
            await self._give_up()

    async def _wait(self, seconds: float) -> None:
        if seconds <= PACE_S:
            await asyncio.sleep(seconds)
            return
        self._woken.clear()
        try:
            async with asyncio.timeout(seconds):  # `wait_for` can lose a cancellation that comes with a wake
                await self._woken.wait()
        except TimeoutError:
            return

    async def _turn(self) -> float:
        """Send what waits. Returns the seconds until the next look."""
        if not await self._held_lease.holds():
            metrics.OUTBOX_PENDING.set(0)
            metrics.OUTBOX_OLDEST.set(0)
            return STANDBY_S
        await self._measure()
        rows = await self._outbox.pending(BATCH, resting=self._resting.topics())
        if not rows:
            return PACE_S if time.monotonic() < self._busy_until else IDLE_POLL_S
        self._busy_until = time.monotonic() + BUSY_FOR_S
        if self._publisher is None:
            self._publisher = await self._connect()
        try:
            await self._drain(self._publisher, rows)
        except LeaseLost:
            log.info("relay-handed-over")
            self._held_lease.lost()
            await self._drop_publisher()
            return STANDBY_S
        return PACE_S

    async def _drain(self, publisher: Publisher, rows: Sequence[Pending]) -> None:
        """Batch after batch: while one is on its way the next is read, and the one before is marked. A batch
        leaves only after all of the one before was acknowledged, so that no row overtakes."""
        marking: asyncio.Task[None] | None = None
        marked: Sequence[Pending] = ()
        try:
            # asked before each batch, so that a process that was frozen for long does not send what is old by now
            for _ in range(BATCHES):
                if not rows or not await self._held_lease.holds():
                    return
                ahead = asyncio.create_task(self._read_ahead(marked, rows))
                try:
                    result = await self._publish(publisher, rows)
                    if marking is not None:
                        await marking
                    marking = asyncio.create_task(self._settle(rows, result))
                    following = await ahead
                finally:
                    await _ended(ahead)
                if len(result.acknowledged) < len(rows):
                    return
                marked, rows = rows, following
        except asyncio.CancelledError:
            if marking is not None:  # what it fails with must not take the place of the end that we were told
                await asyncio.gather(marking, return_exceptions=True)
                marking = None
            raise
        finally:
            if marking is not None:
                await marking

    async def _read_ahead(self, marked: Sequence[Pending], rows: Sequence[Pending]) -> Sequence[Pending]:
        """What comes after the batch under way; `marked`: the one before it, whose marks may not be seen yet."""
        if len(rows) < BATCH or not await self._held_lease.holds():
            return ()
        return await self._outbox.pending(BATCH, beyond=[*marked, *rows], resting=self._resting.topics())

    async def _publish(self, publisher: Publisher, rows: Sequence[Pending]) -> Published:
        begun = [begin_publish(row) for row in rows]
        acknowledged: set[str] = set()
        try:
            result = await publisher.publish([row for row, _ in begun], left=self._held_lease.left)
            acknowledged.update(result.acknowledged)
            return result
        finally:
            for row, span in begun:
                if span is not None:
                    end_publish(span, acknowledged=row.id in acknowledged)

    async def _settle(self, rows: Sequence[Pending], result: Published) -> None:
        """Write down what became of a batch. Raises LeaseLost, or ProducerBroke after a failure."""
        if result.acknowledged:
            await self._outbox.published(result.acknowledged, self._lease)
            self._moved, self._broken_since = time.monotonic(), None
            _count(rows, set(result.acknowledged))
        by_id = {row.id: row for row in rows}
        for id, reason in result.refused.items():
            metrics.OUTBOX_PARKED.inc()
            log.error("event-refused-by-broker", event_id=id, topic=by_id[id].topic, reason=reason)
            await self._outbox.park(by_id[id], reason, self._lease)
        self._resting.note({row.topic for row in rows}, result.failed)
        if result.broken:
            metrics.RELAY_RESTARTS.inc()
            self._broken_since = self._broken_since or time.monotonic()
            await self._drop_publisher()
            raise ProducerBroke("the producer broke; a new one reads the outbox again")

    async def _measure(self) -> None:
        if time.monotonic() - self._measured < MEASURE_S:
            return
        self._measured = time.monotonic()
        oldest = await self._outbox.oldest()
        age = (datetime.now(UTC) - oldest).total_seconds() if oldest is not None else 0.0
        metrics.OUTBOX_OLDEST.set(max(0.0, age))
        metrics.OUTBOX_PENDING.set(await self._outbox.backlog())

    async def _drop_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.close()

    async def _give_up(self) -> None:
        await self._drop_publisher()
        await released(self._lease)


class _RestingTopics:
    """A topic that can't be written (missing, forbidden, without a leader, declared by another version of this service
    alone) rests, so that the others flow."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float]] = {}

    def topics(self) -> list[str]:
        now = time.monotonic()
        return [topic for topic, (_, until) in self._failures.items() if until > now]

    def note(self, tried: set[str], failed: Mapping[str, str]) -> None:
        for topic in tried:
            if topic not in failed:
                self._failures.pop(topic, None)
                continue
            failures = self._failures.get(topic, (0, 0.0))[0] + 1
            pause = min(0.1 * 2 ** min(failures, 8), LONGEST_PAUSE_S)
            self._failures[topic] = (failures, time.monotonic() + pause)
            metrics.OUTBOX_RESTS.labels(topic).inc()
            log.warning("topic-rests", topic=topic, seconds=pause, why=failed[topic][:300])


async def _ended(task: "asyncio.Task[Sequence[Pending]]") -> None:
    """What was read ahead is not wanted any more when its batch failed; nor is an error of that reading."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("read-ahead-failed", error=repr(error)[:300])


def _count(rows: Sequence[Pending], done: set[str]) -> None:
    topics: dict[str, int] = {}
    for row in rows:
        if row.id in done:
            topics[row.topic] = topics.get(row.topic, 0) + 1
    for topic, number in topics.items():
        metrics.OUTBOX_PUBLISHED.labels(topic).inc(number)
    now = datetime.now(UTC)
    for row in rows[:: 1 + len(rows) // TIMED_PER_BATCH]:
        if row.id in done:
            metrics.OUTBOX_SECONDS.observe(max(0.0, (now - row.created_at).total_seconds()))
