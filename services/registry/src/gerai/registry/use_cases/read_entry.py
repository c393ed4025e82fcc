"""Read one entry, withdrawn or not."""

from typing import TypeVar

from gerai.messaging.refusal import UnableToFind
from gerai.messaging.storage import Storage
from gerai.registry.domain.entry import Entry

E = TypeVar("E", bound=Entry)


async def read_entry(kind: type[E], id: str, *, tenant: str, storage: Storage) -> E:
    """Raises UnableToFind; another regency's entry is not found."""
    for found in await storage.fetch({kind: [id]}):
        if isinstance(found, kind) and found.tenant == tenant:
            return found
    raise UnableToFind(kind.word, id)
