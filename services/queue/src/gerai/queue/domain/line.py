"""The line of a counter: whose turn it is.

Overdue first, then the priority class, then the place in the line, then the number. So that nobody starves,
at most a few priority calls are made in a row while somebody else waits. All calls of a counter pass its
line, one after the other, on however many replicas; so the order holds and nobody is called twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from gerai.contracts.queue import PriorityClass
from gerai.messaging.aggregate import Aggregate
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket


class Line(Aggregate):
    """The id is the counter's."""

    collection: ClassVar[str] = "lines"

    called: int = 0
    """Calls so far: gives each its place in the counter's order."""
    priority_streak: int = 0
    """Priority calls in a row."""

    def next_of(self, waiting: Sequence[Ticket], rules: Rules, *, at: datetime) -> Ticket | None:
        """Whose turn it is among those who may be called now, or None."""
        ready = [ticket for ticket in waiting if ticket.callable_from <= ceiling(at)]
        if self.priority_streak >= rules.priority_in_a_row:
            ready = [one for one in ready if not _has_priority(one)] or ready
        return min(ready, key=lambda ticket: turn(ticket, at=at), default=None)

    def advance(self, ticket: Ticket) -> int:
        """The ticket is called: its place in the order of calls."""
        self.called += 1
        self.priority_streak = self.priority_streak + 1 if _has_priority(ticket) else 0
        return self.called


def in_order(waiting: Sequence[Ticket], *, at: datetime) -> list[Ticket]:
    """As they stand in the line, the starvation guard left aside."""
    return sorted(waiting, key=lambda ticket: turn(ticket, at=at))


def turn(ticket: Ticket, *, at: datetime) -> tuple[bool, bool, datetime, int]:
    overdue = ticket.overdue_at is not None and ticket.overdue_at <= ceiling(at)
    return (not overdue, not _has_priority(ticket), ticket.order_at, ticket.n)


def ceiling(at: datetime) -> datetime:
    """The next full second: commands that arrive together then ask the store the same question."""
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)


def _has_priority(ticket: Ticket) -> bool:
    return ticket.priority_class is PriorityClass.PRIORITY
