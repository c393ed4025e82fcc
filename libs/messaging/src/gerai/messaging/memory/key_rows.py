"""The twin of `mongo.key_rows`."""

from gerai.messaging.key_care import Hashed
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.subject_keys import SubjectKey


class MemoryKeyRows:
    """Implements `KeyRows`."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self._rows = storage.aggregates[SubjectKey].documents

    def _otherwise(self, wrapped_with: str) -> list[str]:
        rows = sorted(self._rows.items())
        return [id for id, row in rows if row.get("wrapped_with") not in (None, wrapped_with)]

    async def wrapped_otherwise(self, wrapped_with: str, *, beyond: str, limit: int) -> list[str]:
        return [id for id in self._otherwise(wrapped_with) if id > beyond][:limit]

    async def count_wrapped_otherwise(self, wrapped_with: str) -> int:
        return len(self._otherwise(wrapped_with))

    async def unswept(self, limit: int) -> list[str]:
        return [id for id, row in self._rows.items() if row["swept"] is False][:limit]

    async def remove_hashes(self, hashed: Hashed, *, tenant: str, subject: str) -> int:
        gone = 0
        for kind, stored in self._storage.aggregates.items():
            for document in stored.documents.values() if kind.collection == hashed.collection else ():
                if (document["tenant"], document.get(hashed.subject_field)) == (tenant, subject):
                    gone += document.pop(hashed.name, None) is not None
        return gone
