"""A bounded, ordered query for aggregates that MongoDB and plain Python answer alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from gerai.messaging.aggregate import Aggregate

A = TypeVar("A", bound=Aggregate)


@dataclass(frozen=True, kw_only=True)
class Selection(Generic[A]):
    """The first `limit` aggregates that match `where`, in `order`.

    where: field → value, or field → {"$in": […]}, {"$lte": x}, {"$gt": x}, {"$ne": x}. An index must stand behind it.
    order: (field, 1 or -1), …; end with a unique field so that the order is total.
    """

    kind: type[A]
    where: Mapping[str, Any]
    order: tuple[tuple[str, int], ...] = (("id", 1),)
    limit: int = 100

    def matches(self, aggregate: A) -> bool:
        for field, wanted in self.where.items():
            value = getattr(aggregate, field)
            if value is not wanted and not _holds(value, wanted):
                return False
        return True

    @cached_property
    def anchor(self) -> tuple[str, Any] | None:
        """A field and the one value that it must have, if there is such a condition: most aggregates of a group
        are told apart by it alone."""
        return next((one for one in self.where.items() if not isinstance(one[1], Mapping)), None)

    def sorted(self, aggregates: list[A]) -> list[A]:
        for field, direction in reversed(self.order):
            aggregates = sorted(aggregates, key=attrgetter(field), reverse=direction < 0)
        return aggregates

    def before(self, ordered: list[A], last: A) -> list[A]:
        """Those of an ordered list that do not come after `last`."""
        together = self.sorted([*ordered, last])
        return together[: max(place for place, one in enumerate(together) if one is last)]

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """Two selections with the same key are the same query."""
        return (self.kind, repr(sorted(self.where.items())), self.order, self.limit)


def _holds(value: Any, wanted: Any) -> bool:
    if wanted.__class__ is not dict:
        return bool(value == wanted)
    return all(_compare(operator, value, operand) for operator, operand in wanted.items())


def _compare(operator: str, value: Any, operand: Any) -> bool:
    match operator:
        case "$in":
            return value in operand
        case "$ne":
            return bool(value != operand)
        case "$lte":
            return value is not None and bool(value <= operand)
        case "$gt":
            return value is not None and bool(value > operand)
        case _:
            raise ValueError(f"a selection does not know {operator}")
