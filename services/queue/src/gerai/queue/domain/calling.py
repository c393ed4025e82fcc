"""Who is called next. Pure: the same candidates, the same answer."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
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
    def service_id(self) -> str: ...


W = TypeVar("W", bound=Waiting)


def in_order(
    candidates: Iterable[W],
    *,
    at: datetime,
    wait_limits: Mapping[str, timedelta],
    streak: int,
    priority_in_a_row: int,
) -> Iterator[W]:
    """Everybody in the order of being called, if nobody else came.

    Overdue first, then the priority class, then the place in line, then the number. Overdue is who has waited longer
    than the service's present limit; a service that is not among `wait_limits` has none. Against starvation: after
    `priority_in_a_row` priority calls in a row (`streak` so far) one of the others comes, if one waits.
    """

    def rank(one: W) -> tuple[Any, ...]:
        limit = wait_limits.get(one.service_id)
        overdue = limit is not None and at - one.order_at >= limit
        return (not overdue, one.priority_class is not PriorityClass.PRIORITY, one.order_at, one.n, one.id)

    priority: list[tuple[tuple[Any, ...], W]] = []
    regular: list[tuple[tuple[Any, ...], W]] = []
    for one in candidates:
        (priority if one.priority_class is PriorityClass.PRIORITY else regular).append((rank(one), one))
    for line in (priority, regular):
        line.sort(key=itemgetter(0), reverse=True)
    while priority or regular:
        if not regular:
            _, chosen = priority.pop()
        elif not priority or streak >= priority_in_a_row or regular[-1][0] < priority[-1][0]:
            _, chosen = regular.pop()
        else:
            _, chosen = priority.pop()
        streak = streak_after(chosen, streak)
        yield chosen


def served_set(service_ids: Iterable[str]) -> str:
    """A name for what a desk serves; desks that serve the same share it, and with it their streak."""
    return ",".join(sorted(set(service_ids)))


def streak_after(called: Waiting, streak: int) -> int:
    return streak + 1 if called.priority_class is PriorityClass.PRIORITY else 0
