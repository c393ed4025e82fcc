"""Our replica of the registry: the newest state of each entry, as its event said it."""

from typing import ClassVar

from gerai.contracts.registry import (
    CalendarChanged,
    CounterChanged,
    DeskChanged,
    InstitutionChanged,
    ServiceChanged,
    SiteChanged,
)
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.replica import Replica

EntryChanged = (
    SiteChanged | InstitutionChanged | CounterChanged | DeskChanged | ServiceChanged | CalendarChanged
)


def entry_id(event: EntryChanged) -> str:
    return f"{event.topic.name}:{event.id}"


class RegisterEntry(Replica):
    """One entry of the register."""

    collection: ClassVar[str] = "register"


class CatalogueRevision(Aggregate):
    """Changes whenever a regency's replica or rules change, so that processes know when to read them again. Its id
    is the regency."""

    collection: ClassVar[str] = "catalogue_revisions"

    changes: int = 0

    def advance(self) -> None:
        self.changes += 1
