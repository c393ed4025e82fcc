"""A storage in which the registry has told of the small mall."""

from queue_builders import SMALL

from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.domain.register_entry import CatalogueRevision, EntryChanged, RegisterEntry, entry_id


def furnish(storage: MemoryStorage, *more: EntryChanged) -> MemoryStorage:
    """And of `more`."""
    entries = storage.aggregates[RegisterEntry]
    for event in (*SMALL, *more):
        id = entry_id(event)
        entries[id] = RegisterEntry(
            id=id, tenant=event.tenant, version=1, type=event.type, sequence=1, body=event.model_dump_json()
        )
    storage.aggregates[CatalogueRevision]["muna-barat"] = CatalogueRevision(
        id="muna-barat", tenant="muna-barat", version=1, changes=len(entries)
    )
    return storage
