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

EntryChanged = (
    SiteChanged | InstitutionChanged | CounterChanged | DeskChanged | ServiceChanged | CalendarChanged
)


def entry_id(event: EntryChanged) -> str:
    return f"{event.topic.name}:{event.id}"


class RegisterEntry(Aggregate):
    """One entry of the register; `body` is the newest event."""

    collection: ClassVar[str] = "register"

    type: str
    sequence: int = 0
    body: str = ""

    def learn(self, event: EntryChanged, *, sequence: int) -> bool:
        """Take a newer state; one that comes late or twice changes nothing. True if it was news."""
        if sequence <= self.sequence:
            return False
        self.type, self.sequence, self.body = event.type, sequence, event.model_dump_json()
        return True


class CatalogueRevision(Aggregate):
    """Changes whenever a regency's replica or rules change, so that processes know when to read them again. Its id
    is the regency."""

    collection: ClassVar[str] = "catalogue_revisions"

    changes: int = 0

    def advance(self) -> None:
        self.changes += 1
