"""What the day looks like from the events alone: figures of each counter, in business time."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gerai.contracts import queue
from gerai.contracts.event import Envelope
from gerai.contracts.queue import TicketState

AT_DESK = (TicketState.CALLED, TicketState.SERVING)
OPEN = (*AT_DESK, TicketState.WAITING, TicketState.HELD, TicketState.AWAITING_PICKUP)


@dataclass(kw_only=True)
class Tally:
    """One counter's day."""

    issued: int = 0
    passed_on: int = 0
    latest: str = ""
    """The latest call: "A-012 → desk id"."""
    states: Counter[TicketState] = field(default_factory=Counter)
    """How many tickets are where now; a ticket counts at the counter of its present leg."""
    waits: list[float] = field(default_factory=list)
    """Seconds from the leg's beginning to its first call."""
    served_seconds: float = 0.0

    @property
    def at_desks(self) -> int:
        return sum(self.states[state] for state in AT_DESK)

    @property
    def mean_wait(self) -> float | None:
        return sum(self.waits) / len(self.waits) if self.waits else None

    @property
    def p90_wait(self) -> float | None:
        return percentile(self.waits, 0.9)


class Scoreboard:
    """Fed with each event once, in the order of each ticket."""

    def __init__(self, counters: Iterable[str]) -> None:
        self.tallies = {counter: Tally() for counter in counters}
        self.steps: Counter[str] = Counter()
        """Event type without service and version: "ticket-issued"."""
        self.all_over = asyncio.Event()
        """Set while every ticket has come to its end, or nobody has one."""
        self._where: dict[str, tuple[str, TicketState]] = {}

    def take(self, envelope: Envelope) -> None:
        event = envelope.event
        self.steps[event.type.split(".")[1]] += 1
        if not isinstance(event, queue.TicketEvent):
            return
        tally = self.tallies[event.counter_id]
        if event.ticket_id in self._where:
            counter, state = self._where[event.ticket_id]
            self.tallies[counter].states[state] -= 1
        self._where[event.ticket_id] = (event.counter_id, event.to_state)
        tally.states[event.to_state] += 1
        self._count(event, tally)
        if self.still_open:
            self.all_over.clear()
        else:
            self.all_over.set()

    def _count(self, event: queue.TicketEvent, tally: Tally) -> None:
        match event:
            case queue.TicketIssued():
                tally.issued += 1
            case queue.TicketCalled():
                tally.latest = f"{event.number} → {event.desk_id}"
                if event.call == 1:
                    tally.waits.append(event.wait_seconds)
            case queue.TicketRecalled() | queue.TicketResumed():
                tally.latest = f"{event.number} → {event.desk_id}"
            case queue.TicketServed():
                tally.served_seconds += event.service_seconds
            case queue.TicketTransferred():
                before = self.tallies[event.from_counter_id]
                before.passed_on += 1
                before.served_seconds += event.service_seconds
            case _:
                return

    def total(self, *states: TicketState) -> int:
        return sum(tally.states[state] for tally in self.tallies.values() for state in states)

    @property
    def issued(self) -> int:
        return sum(tally.issued for tally in self.tallies.values())

    @property
    def still_open(self) -> int:
        """Tickets that are neither over nor missed."""
        return self.total(*OPEN)

    @property
    def waits(self) -> list[float]:
        return [wait for tally in self.tallies.values() for wait in tally.waits]


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest rank; None where there is nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
