"""Durable timers: rows with a due business time, handled in the transaction of their effect, once."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import structlog

from gerai.messaging import metrics
from gerai.messaging.context import Context
from gerai.messaging.failures import OUTSIDE
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.lease import Lease, Tenure
from gerai.messaging.storage import TimerGone, TimerRow
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

BATCH = 50
POLL_S = 0.2
STANDBY_S = 1.0
LONGEST_PAUSE_S = 60.0
STUCK_S = 240.0
"""Longer than the driver goes on with one transaction while the store is away: that passes by itself."""
FAILING_LIMIT = 1_000


class TimerHandler(Protocol):
    """Does what is due. It may set timers again, its own too; it may run again before it takes effect."""

    async def __call__(self, timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None: ...


class DueTimers(Protocol):
    """The reading side."""

    async def due(self, at: datetime, limit: int, *, without: frozenset[str]) -> list[TimerRow]:
        """The earliest timers due at a business time, leaving out some ids."""
        ...


class Timers:
    """`run` until cancelled. One process fires at a time; the transaction makes even a second one harmless."""

    def __init__(
        self,
        timers: DueTimers,
        handlers: Mapping[str, TimerHandler],
        *,
        commit: GroupCommit,
        lease: Lease,
        now: Callable[[], datetime],
    ) -> None:
        self._timers = timers
        self._handlers = handlers
        self._commit = commit
        self._lease = lease
        self._tenure = Tenure(lease)
        self._now = now
        self._failing: dict[str, tuple[int, float]] = {}
        self._turned = time.monotonic()

    def progress(self) -> Mapping[str, str]:
        silent = time.monotonic() - self._turned
        return {"timers": f"silent for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        try:
            while True:
                self._turned = time.monotonic()
                try:
                    pause = await self.turn()
                except OUTSIDE as error:
                    log.warning("timers-wait", error=repr(error)[:300])
                    pause = STANDBY_S
                await asyncio.sleep(pause)
        finally:
            try:
                await self._lease.release()
            except OUTSIDE as error:
                log.warning("lease-not-released", error=repr(error)[:300])

    async def turn(self) -> float:
        """Fire what is due; returns the seconds until the next look."""
        if not await self._tenure.holds():
            return STANDBY_S
        resting = frozenset(id for id, (_, until) in self._failing.items() if until > time.monotonic())
        due = await self._timers.due(self._now(), BATCH, without=resting)
        await asyncio.gather(*(self._fire(timer) for timer in due))
        return 0.0 if len(due) == BATCH else POLL_S

    async def _fire(self, timer: TimerRow) -> None:
        handler = self._handlers.get(timer.name)
        if handler is None:
            self._rest(timer, "no handler has this name")
            return
        at = self._now()

        async def command(uow: UnitOfWork) -> None:
            uow.complete_timer(timer)
            await handler(timer, uow=uow, at=at)

        context = Context(tenant=timer.tenant, actor=f"timer:{timer.name}", correlation_id=timer.id)
        try:
            await self._commit.execute(command, context=context)
        except TimerGone:  # moved meanwhile, or fired by another process
            return
        except Exception as error:  # noqa: BLE001  one failing timer must not keep the others from firing
            self._rest(timer, repr(error)[:300])
            return
        self._failing.pop(timer.id, None)
        metrics.TIMERS_FIRED.labels(timer.name, "done").inc()

    def _rest(self, timer: TimerRow, why: str) -> None:
        """A failing timer is tried again later; it stays in the store for as long as it takes."""
        failures = self._failing.get(timer.id, (0, 0.0))[0] + 1
        pause = min(0.5 * 2 ** min(failures, 8), LONGEST_PAUSE_S)
        self._failing[timer.id] = (failures, time.monotonic() + pause)
        while len(self._failing) > FAILING_LIMIT:
            del self._failing[next(iter(self._failing))]
        metrics.TIMERS_FIRED.labels(timer.name, "failed").inc()
        log.error("timer-failed", timer=timer.id, failures=failures, why=why)
