"""The order of a counter, written down a second time: what the drills hold the queue against.

Overdue first, then the priority class, then who came first, then the number; after three priority calls in a
row one of the others comes, if one waits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

PRIORITY_IN_A_ROW = 3
ROUNDING = timedelta(seconds=1)
"""A counter looks at the clock in whole seconds: a ticket that becomes overdue within one may go either way."""


@dataclass(frozen=True)
class Place:
    """A ticket in the line."""

    ticket: str
    n: int
    priority: bool
    arrived: datetime
    overdue_at: datetime | None

    def turn(self, at: datetime) -> tuple[bool, bool, datetime, int]:
        overdue = self.overdue_at is not None and self.overdue_at <= at
        return (not overdue, not self.priority, self.arrived, self.n)


@dataclass(frozen=True)
class Call:
    ticket: str
    sequence: int
    at: datetime


def broken_rules(line: Iterable[Place], calls: Sequence[Call]) -> list[str]:
    """Every call that another ticket should have had; the line held all of its tickets before the first call."""
    waiting = {place.ticket: place for place in line}
    streak = 0
    wrong: list[str] = []
    for call in sorted(calls, key=lambda one: one.sequence):
        place = waiting.pop(call.ticket, None)
        if place is None:
            wrong.append(f"call {call.sequence}: {call.ticket} does not wait")
            continue
        rivals = [one for one in waiting.values() if streak < PRIORITY_IN_A_ROW or not one.priority]
        if streak >= PRIORITY_IN_A_ROW and place.priority and rivals:
            wrong.append(f"call {call.sequence}: priority for the {streak + 1}th time while others wait")
        moments = (call.at, call.at + ROUNDING)
        if all(any(one.turn(at) < place.turn(at) for one in rivals) for at in moments):
            wrong.append(f"call {call.sequence}: {place} before its turn")
        streak = streak + 1 if place.priority else 0
    return wrong + [f"{ticket} was never called" for ticket in waiting]
