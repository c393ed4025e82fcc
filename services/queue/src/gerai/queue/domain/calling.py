"""Who is called next. Pure: the same candidates, the same answer."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol, TypeVar

from gerai.contracts.queue import PriorityClass


class Waiting(Protocol):
    """What the order of a line depends on."""

    @property
    def id(self) -> str: ...
    @property
    def n(self) -> int: ...
    @property
    def priority_class(self) -> PriorityClass: ...
    @property
    def order_at(self) -> datetime: ...
    @property
    def overdue_at(self) -> datetime | None: ...


W = TypeVar("W", bound=Waiting)


def in_order(candidates: Iterable[W], *, at: datetime, streak: int, priority_in_a_row: int) -> Iterator[W]:
    """Everybody in the order of being called, if nobody else came.

    Overdue first, then the priority class, then the place in line, then the number. Against starvation: after
    `priority_in_a_row` priority calls in a row (`streak` so far) one of the others comes, if one waits.
    """
    priority: list[W] = []
    regular: list[W] = []
    for one in candidates:
        (priority if one.priority_class is PriorityClass.PRIORITY else regular).append(one)
    priority.sort(key=lambda one: _rank(one, at), reverse=True)
    regular.sort(key=lambda one: _rank(one, at), reverse=True)
    while priority or regular:
        if not regular:
            chosen = priority.pop()
        elif not priority or streak >= priority_in_a_row or _rank(regular[-1], at) < _rank(priority[-1], at):
            chosen = regular.pop()
        else:
            chosen = priority.pop()
        streak = streak_after(chosen, streak)
        yield chosen


def served_set(service_ids: Iterable[str]) -> str:
    """A name for what a desk serves; desks that serve the same share it, and with it their streak."""
    return ",".join(sorted(set(service_ids)))


def streak_after(called: Waiting, streak: int) -> int:
    return streak + 1 if called.priority_class is PriorityClass.PRIORITY else 0


def _rank(one: Waiting, at: datetime) -> tuple[Any, ...]:
    overdue = one.overdue_at is not None and one.overdue_at <= at
    return (not overdue, one.priority_class is not PriorityClass.PRIORITY, one.order_at, one.n, one.id)
