"""Durable timers: rows with a due business time, handled in the transaction of their effect, once."""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from gerai.messaging import metrics
from gerai.messaging.command import needs_of
from gerai.messaging.context import Context
from gerai.messaging.dead_letters import storable_text
from gerai.messaging.failures import OUTSIDE, is_away, is_nobodys_fault
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.lease import HeldLease, Lease, released
from gerai.messaging.storage import Contended, StoreBusy, TimerGone, TimerRow, TooManyWaiting
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

BATCH = 50
FAILED_SHARE = 10
"""Of a batch: so many have failed before, or more where nothing else is due. So neither keeps the other waiting."""
POLL_S = 0.2
STANDBY_S = 1.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=10)
LONGEST_CROWDED_PAUSE = timedelta(seconds=10)
NAMES_EVERY_S = 60.0
STUCK_S = 240.0
"""Longer than the driver goes on with one transaction while the store is away: that passes by itself."""
ERROR_LIMIT = 300


class TimerHandler(Protocol):
    """Does what is due. It may set timers again, its own too; it may run again before it takes effect."""

    async def __call__(self, timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None: ...


class DueTimers(Protocol):
    """What the rows say, and what is noted in them."""

    async def due(self, names: Collection[str], at: datetime, limit: int, *, now: datetime) -> list[TimerRow]:
        """Timers of these names that are due at a business time. Those that failed before stand aside until their
        next try (`now`: infrastructure time), and take `FAILED_SHARE` of the places."""
        ...

    async def failed(self, timer: TimerRow, *, error: str, next_try: datetime) -> None:
        """Note it in the row, with one more attempt; not where the timer was set again meanwhile, or is gone."""
        ...

    async def others_due(self, names: Collection[str], at: datetime) -> set[str]:
        """Other names of which timers are due."""
        ...


def share_of_failed(fresh: Sequence[TimerRow], failed: Sequence[TimerRow], limit: int) -> list[TimerRow]:
    """At most so many of both."""
    again = failed[: max(min(FAILED_SHARE, limit), limit - len(fresh))]
    return [*fresh[: limit - len(again)], *again]


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
        self._held_lease = HeldLease(lease)
        self._now = now
        self._turned = time.monotonic()
        self._unknown: set[str] = set()
        """Names without a handler here, which were reported."""
        self._names_at = float("-inf")

    def progress(self) -> Mapping[str, str]:
        silent = time.monotonic() - self._turned
        return {"timers": f"silent for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        try:
            self._turned = time.monotonic()
            while True:
                try:
                    pause = await self.turn()
                    self._turned = time.monotonic()
                except OUTSIDE as error:
                    if is_nobodys_fault(error):
                        self._turned = time.monotonic()
                    log.warning("timers-wait", error=repr(error)[:300])
                    pause = STANDBY_S
                await asyncio.sleep(pause)
        finally:
            await released(self._lease)

    async def turn(self) -> float:
        """Fire what is due; returns the seconds until the next look."""
        if not await self._held_lease.holds():
            return STANDBY_S
        at = self._now()
        await self._report_unknown(at)
        due = await self._timers.due(self._handlers.keys(), at, BATCH, now=datetime.now(UTC))
        ended = await asyncio.gather(*(self._fire(timer) for timer in due), return_exceptions=True)
        for one in ended:
            if isinstance(one, BaseException):
                raise one
        return 0.0 if len(due) == BATCH and any(ended) else POLL_S

    async def _report_unknown(self, at: datetime) -> None:
        """A name without a handler is said once in a process's life. Its rows are never fetched, and stay."""
        if time.monotonic() - self._names_at < NAMES_EVERY_S:
            return
        for name in await self._timers.others_due(self._handlers.keys(), at) - self._unknown:
            self._unknown.add(name)
            metrics.TIMERS_FIRED.labels(name, "no_handler").inc()
            log.error("timer-without-handler", name=name)
        self._names_at = time.monotonic()

    async def _fire(self, timer: TimerRow) -> bool:
        """Whether it is done. It acts for its own regency. Raises what is no timer's fault: the store is away, or the
        process stops."""
        handler, at = self._handlers[timer.name], self._now()

        async def command(uow: UnitOfWork) -> None:
            uow.complete_timer(timer)
            await handler(timer, uow=uow, at=at)

        context = Context(tenant=timer.tenant, actor=f"timer:{timer.name}", correlation_id=timer.id)
        try:
            needs = needs_of(handler, (timer,), {}, tenant=timer.tenant, at=at)
            await self._commit.execute(command, context=context, needs=needs)
        except TimerGone:  # moved meanwhile, or fired by another process
            return True
        except Exception as error:
            if is_away(error) or (
                isinstance(error, StoreBusy) and not isinstance(error, Contended | TooManyWaiting)
            ):
                raise
            await self._put_off(timer, error)
            return False
        metrics.TIMERS_FIRED.labels(timer.name, "done").inc()
        return True

    async def _put_off(self, timer: TimerRow, error: Exception) -> None:
        """It is tried again later, for as long as it takes; what is known of it stands in its row. One whose regency
        has too many commands waiting steps aside too, so that others' timers come next, but not for long."""
        is_crowded = isinstance(error, TooManyWaiting)
        longest = LONGEST_CROWDED_PAUSE if is_crowded else LONGEST_PAUSE
        pause = min(FIRST_PAUSE * 2 ** min(timer.attempts, 16), longest) * random.uniform(0.75, 1.25)
        why = storable_text(repr(error))[:ERROR_LIMIT]
        metrics.TIMERS_FIRED.labels(timer.name, "put_off" if is_crowded else "failed").inc()
        tell = log.warning if is_crowded else log.error
        tell(
            "timer-put-off" if is_crowded else "timer-failed",
            timer=timer.id,
            attempts=timer.attempts + 1,
            why=why,
        )
        await self._timers.failed(timer, error=why, next_try=datetime.now(UTC) + pause)
