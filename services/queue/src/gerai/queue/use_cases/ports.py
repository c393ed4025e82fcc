"""What use cases need from outside, beside the unit of work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gerai.contracts.queue import PriorityClass
from gerai.queue.domain.ticket import Ticket
from gerai.queue.domain.ticket_in_line import TicketInLine


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a line, as small as it can be kept."""

    id: str
    number: str
    local_day: str
    n: int
    service_id: str
    priority_class: PriorityClass
    order_at: datetime

    @classmethod
    def of(cls, ticket: TicketInLine) -> "Place":
        return cls(
            ticket.id,
            ticket.number,
            ticket.local_day,
            ticket.n,
            ticket.service_id,
            ticket.priority_class,
            ticket.order_at,
        )


@dataclass(frozen=True)
class LineState:
    """A counter's line as it stood a moment ago."""

    waiting: Sequence[Place]
    streaks: Mapping[str, int]
    """`Line.streaks`."""

    def streak_of(self, served_sets: Iterable[str]) -> int:
        """Where several desks may call next, the one that is nearest to its turn for a regular visitor counts."""
        return max((self.streaks.get(served, 0) for served in served_sets), default=0)


class Lines(Protocol):
    """Lines for looking at, not for calling: many visitors look at the same one."""

    async def of(self, counter_id: str, *, tenant: str, fresh_for: Ticket | None = None) -> LineState:
        """A state that is a moment old; but never one that does not know `fresh_for` yet."""
        ...
