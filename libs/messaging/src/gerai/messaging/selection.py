"""A bounded, ordered query for aggregates that MongoDB and plain Python answer alike."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from gerai.messaging.aggregate import Aggregate

A = TypeVar("A", bound=Aggregate)

ALL_TENANTS = "*"
"""For what reads every regency's on purpose: a process's own copy of the register. No regency has this name."""


@dataclass(frozen=True, kw_only=True)
class Selection(Generic[A]):
    """The first `limit` aggregates of one regency that match `where`, in `order`.

    where: field → value, or field → {"$in": […]}, {"$lte": x}, {"$gt": x}, {"$ne": x}. An index must stand behind it.
    order: (field, 1 or -1), …; end with a unique field so that the order is total.
    """

    kind: type[A]
    where: Mapping[str, Any]
    order: tuple[tuple[str, int], ...] = (("id", 1),)
    limit: int = 100
    tenant: str | None = None
    """The regency whose they are, or ALL_TENANTS. None: the one that asks; the unit of work states it. A store refuses a
    selection that nobody has stated it for: what is filtered after the limit makes pages short."""

    def within(self, tenant: str | None) -> "Selection[A]":
        """As somebody of a regency asks it. Raises ValueError where it was stated for another one."""
        if self.tenant is None:
            return replace(self, tenant=tenant)
        if tenant not in (None, self.tenant):
            raise ValueError(f"a selection of {self.tenant} is asked by {tenant}")
        return self

    @cached_property
    def conditions(self) -> Mapping[str, Any]:
        """All that must hold. Raises ValueError where nobody has said whose are meant."""
        if self.tenant is None:
            raise ValueError(f"a selection of {self.kind.collection} must say its regency, or ALL_TENANTS")
        return self.where if self.tenant == ALL_TENANTS else {**self.where, "tenant": self.tenant}

    def matches(self, aggregate: A) -> bool:
        searchable = self.kind.mapper.encrypted.searchable
        for field, wanted in self.conditions.items():
            value = getattr(aggregate, field)
            if field in searchable:
                value, wanted = searchable[field].alike(value), searchable[field].alike(wanted)
            if value is not wanted and not holds(value, wanted):
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
        return (self.kind, self.tenant, repr(sorted(self.where.items())), self.order, self.limit)


def holds(value: Any, wanted: Any) -> bool:
    """Whether a value fulfils a condition of `where`."""
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
