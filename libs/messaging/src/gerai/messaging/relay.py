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
from gerai.messaging.failures import OUTSIDE
from gerai.messaging.lease import Lease
from gerai.messaging.outbox import Outbox, Pending, Publisher
from gerai.messaging.tracing import begin_publish, end_publish

log = structlog.get_logger(__name__)

BATCH = 1_000
BUSY_POLL_S = 0.015
IDLE_POLL_S = 0.1
STANDBY_S = 1.0
BUSY_FOR_S = 5.0
RENEW_S = 2.0
LONGEST_PAUSE_S = 5.0
STUCK_S = 60.0

Connect = Callable[[], Awaitable[Publisher]]


class Relay:
    """`run` until cancelled."""

    def __init__(self, outbox: Outbox, connect: Connect, lease: Lease) -> None:
        self._outbox = outbox
        self._connect = connect
        self._lease = lease
        self._publisher: Publisher | None = None
        self._woken = asyncio.Event()
        self._renewed = float("-inf")
        self._moved = time.monotonic()
        self._failures = 0

    def wake(self) -> None:
        """Something was committed in this process."""
        self._woken.set()

    def progress(self) -> Mapping[str, str]:
        """Liveness: the loop turns, whether or not a broker answers."""
        silent = time.monotonic() - self._moved
        return {"relay": f"silent for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        busy_until = 0.0
        try:
            while True:
                self._moved = time.monotonic()
                try:
                    moved = await self._turn()
                except OUTSIDE as error:
                    self._failures += 1
                    log.warning("relay-waits", error=repr(error), failures=self._failures)
                    await asyncio.sleep(min(0.1 * 2 ** min(self._failures, 8), LONGEST_PAUSE_S))
                    continue
                self._failures = 0
                if moved is None:
                    await asyncio.sleep(STANDBY_S)
                elif moved:
                    busy_until = time.monotonic() + BUSY_FOR_S
                else:
                    await self._wait(BUSY_POLL_S if time.monotonic() < busy_until else IDLE_POLL_S)
        finally:
            await self._give_up()

    async def _wait(self, seconds: float) -> None:
        self._woken.clear()
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return

    async def _turn(self) -> bool | None:
        """One batch. None: another process relays. False: nothing waits."""
        if time.monotonic() - self._renewed > RENEW_S:
            if not await self._lease.hold():
                return None
            self._renewed = time.monotonic()
            metrics.OUTBOX_PENDING.set(await self._outbox.backlog())
        rows = await self._outbox.pending(BATCH)
        if not rows:
            return False
        if self._publisher is None:
            self._publisher = await self._connect()
        await self._publish(self._publisher, rows)
        return True

    async def _publish(self, publisher: Publisher, rows: Sequence[Pending]) -> None:
        begun = [begin_publish(row) for row in rows]
        result = await publisher.publish([row for row, _ in begun])
        done = set(result.acknowledged)
        for row, span in begun:
            end_publish(span, acknowledged=row.id in done)
        if done:
            await self._outbox.published(list(done))
            _count(rows, done)
        by_id = {row.id: row for row in rows}
        for id, reason in result.refused.items():
            metrics.OUTBOX_PARKED.inc()
            log.error("event-refused-by-broker", event_id=id, topic=by_id[id].topic, reason=reason)
            await self._outbox.park(by_id[id], reason)
        if result.broken:
            metrics.RELAY_RESTARTS.inc()
            await self._drop_publisher()
            raise ConnectionError("the producer broke; a new one reads the outbox again")

    async def _drop_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.close()

    async def _give_up(self) -> None:
        await self._drop_publisher()
        try:
            await self._lease.release()
        except OUTSIDE as error:
            log.warning("lease-not-released", error=repr(error))


def _count(rows: Sequence[Pending], done: set[str]) -> None:
    now = datetime.now(UTC)
    for row in rows:
        if row.id in done:
            metrics.OUTBOX_PUBLISHED.labels(row.topic).inc()
            metrics.OUTBOX_SECONDS.observe(max(0.0, (now - row.created_at).total_seconds()))
