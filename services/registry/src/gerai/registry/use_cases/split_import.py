"""An import as parts, each a transaction of its own: in which order its rows are written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gerai.registry.domain.counter import Counter
from gerai.registry.domain.entry import Entry
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site

PART = 25
"""Rows of one transaction. Another regency's command waits for one part at most."""

ABOVE_SERVICES = (Site, Institution, Counter)

Prefix = tuple[str, str]
"""A number prefix at a site: (site id, prefix)."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one row changes: the entry as it will be, and what matters of it as it was."""

    row: int
    """The row's number in the import."""
    entry: Entry
    was_active: bool
    """False where it is new, too."""
    had: Prefix | None = None
    """As it was."""

    @property
    def leaves(self) -> bool:
        """It is taken out of use."""
        return self.was_active and not self.entry.active

    @property
    def wants(self) -> Prefix | None:
        return prefix_of(self.entry)


def prefix_of(entry: Entry) -> Prefix | None:
    """An active service's prefix."""
    return (entry.site_id, entry.prefix) if isinstance(entry, Service) and entry.active else None


def parts_of(changes: Sequence[Change], *, size: int = PART) -> list[list[int]]:
    """The row numbers, part by part, such that the register is sound after each part, whatever comes of the next.

    `changes`: parents before children, sound when all are made. First services leave, so that their prefixes are free.
    Then come new and changed entries, parents before children. Last leave the others, children before parents. Of
    services that take prefixes over from each other, who gives comes before who takes; where that goes round in a
    circle they are one part, even if it is larger than the others.
    """
    leaving = [one for one in changes if one.leaves]
    staying = [one for one in changes if not one.leaves]
    first = [one for one in leaving if isinstance(one.entry, Service)]
    above = [one for one in staying if isinstance(one.entry, ABOVE_SERVICES)]
    services = [one for one in staying if isinstance(one.entry, Service)]
    below = [one for one in staying if not isinstance(one.entry, (*ABOVE_SERVICES, Service))]
    last = [one for one in reversed(leaving) if not isinstance(one.entry, Service)]
    units = [
        *([one] for one in (*first, *above)),
        *_givers_first(services),
        *([one] for one in (*below, *last)),
    ]
    return list(_packed(units, size))


def _givers_first(services: Sequence[Change]) -> Iterator[list[Change]]:
    """Each behind the one whose prefix it takes; a circle stays together."""
    giver_of: Mapping[Prefix | None, Change] = {
        one.had: one for one in services if one.had is not None and one.had != one.wants
    }
    placed: set[int] = set()
    for service in services:
        chain: dict[int, Change] = {}
        one: Change | None = service
        while one is not None and one.row not in placed and one.row not in chain:
            chain[one.row] = one
            one = giver_of.get(one.wants) if one.wants != one.had else None
        placed.update(chain)
        backwards = list(reversed(chain.values()))
        if one is not None and one.row in chain:
            yield backwards
        else:
            yield from ([each] for each in backwards)


def _packed(units: Iterable[list[Change]], size: int) -> Iterator[list[int]]:
    part: list[int] = []
    for unit in units:
        if part and len(part) + len(unit) > size:
            yield part
            part = []
        part += [one.row for one in unit]
    if part:
        yield part
