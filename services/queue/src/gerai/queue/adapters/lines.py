"""Lines for looking at: read once for all who look within a moment."""

import asyncio
import time
from typing import TypeAlias

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Storage
from gerai.queue.domain.line import Line
from gerai.queue.domain.ticket import Ticket
from gerai.queue.domain.ticket_in_line import TicketInLine
from gerai.queue.use_cases.ports import LineState, Place

LONGEST_LINE = 2_500
"""So many of each class are read at a counter. Who stands behind them is told that so many are before."""
FRESH_S = 0.5
Whose: TypeAlias = tuple[str, str]
"""(regency, counter)"""


class CachedLines:
    """Implements `Lines`. Bounded by the counters there are."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[Whose, tuple[float, LineState]] = {}
        self._reading: dict[Whose, asyncio.Task[LineState]] = {}

    async def of(self, counter_id: str, *, tenant: str, fresh_for: Ticket | None = None) -> LineState:
        whose = tenant, counter_id
        read_at, state = self._known.get(whose, (0.0, None))
        if state is not None and time.monotonic() - read_at < FRESH_S and _knows(state, fresh_for):
            return state
        state = await self._joined(whose)
        if not _knows(state, fresh_for):
            # that reading may have begun before the ticket was committed; the next one begins after
            state = await self._joined(whose)
        return state

    async def _joined(self, whose: Whose) -> LineState:
        """From the reading that goes on, or from a new one."""
        reading = self._reading.get(whose)
        if reading is None:
            reading = asyncio.create_task(self._read(whose), name=f"line {whose[1]}")
            self._reading[whose] = reading
            reading.add_done_callback(lambda _: self._reading.pop(whose, None))
        return await asyncio.shield(reading)

    async def _read(self, whose: Whose) -> LineState:
        tenant, counter_id = whose
        of_classes = [_of_class(whose, priority_class) for priority_class in PriorityClass]
        found, lines = await asyncio.gather(
            self._storage.select(of_classes), self._storage.fetch({Line: [counter_id]})
        )
        streaks = next(
            (line.streaks for line in lines if isinstance(line, Line) and line.tenant == tenant), {}
        )
        waiting = [Place.of(ticket) for tickets in found for ticket in tickets]
        state = LineState(waiting=waiting, streaks=streaks)
        self._known[whose] = (time.monotonic(), state)
        return state


def _of_class(whose: Whose, priority_class: PriorityClass) -> Selection[TicketInLine]:
    tenant, counter_id = whose
    where = {
        "counter_id": counter_id,
        "state": TicketState.WAITING.value,
        "priority_class": priority_class.value,
    }
    order = (("order_at", 1), ("n", 1), ("id", 1))
    return Selection(kind=TicketInLine, where=where, order=order, limit=LONGEST_LINE, tenant=tenant)


def _knows(state: LineState, ticket: Ticket | None) -> bool:
    """A visitor who has just come must not be told about a line without them."""
    if ticket is None:
        return True
    of_class = [one for one in state.waiting if one.priority_class is ticket.priority_class]
    return len(of_class) >= LONGEST_LINE or any(one.id == ticket.id for one in of_class)
