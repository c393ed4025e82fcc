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
    was_active: bool = False
    """False where it is new, too."""
    had: Prefix | None = None
    """As it was."""
    fields: tuple[str, ...] = ()
    """Those that differ; none where it is new."""

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
    first, above, services, below, last = (
        [change for change in changes if _turn_of(change) == turn] for turn in range(5)
    )
    units = [
        *([change] for change in (*first, *above)),
        *_givers_first(services),
        *([change] for change in (*below, *reversed(last))),
    ]
    return list(_packed(units, size))


def _turn_of(change: Change) -> int:
    is_service = isinstance(change.entry, Service)
    if change.leaves:
        return 0 if is_service else 4
    return 2 if is_service else 1 if isinstance(change.entry, ABOVE_SERVICES) else 3


def _givers_first(services: Sequence[Change]) -> Iterator[list[Change]]:
    """Each behind the one whose prefix it takes; a circle stays together."""
    giver_of: Mapping[Prefix | None, Change] = {
        service.had: service for service in services if service.had not in (None, service.wants)
    }
    placed: set[int] = set()
    for service in services:
        chain: dict[int, Change] = {}
        giver: Change | None = service
        while giver is not None and giver.row not in placed | chain.keys():
            chain[giver.row] = giver
            giver = giver_of.get(giver.wants) if giver.wants != giver.had else None
        placed.update(chain)
        backwards = list(reversed(chain.values()))
        is_circle = giver is not None and giver.row in chain
        yield from [backwards] if is_circle else [[change] for change in backwards]


def _packed(units: Iterable[list[Change]], size: int) -> Iterator[list[int]]:
    part: list[int] = []
    for unit in units:
        if part and len(part) + len(unit) > size:
            yield part
            part = []
        part += [change.row for change in unit]
    if part:
        yield part
