"""A subscriber's replica of the register, built from records alone, as another service would build it."""

from collections.abc import Iterable
from typing import Any

from gerai.contracts.codec import decode
from gerai.contracts.event import Event

Record = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]
"""Key, value, headers."""


def compacted(records: Iterable[tuple[str, Record]]) -> list[Record]:
    """What compaction leaves of a topic in the worst case: the last record of each key."""
    last: dict[tuple[str, bytes], Record] = {}
    for topic, record in records:
        last.pop((topic, record[0]), None)
        last[topic, record[0]] = record
    return list(last.values())


class Replica:
    """The newest state of each entry. It knows the contracts, and nothing of the registry."""

    def __init__(self) -> None:
        self.entries: dict[tuple[type[Event], str], Event] = {}
        self._versions: dict[tuple[type[Event], str], int] = {}

    def takes(self, records: Iterable[Record]) -> None:
        for key, value, headers in records:
            envelope = decode(key, value, headers)
            place = (type(envelope.event), envelope.subject)
            if envelope.sequence > self._versions.get(place, 0):
                self._versions[place] = envelope.sequence
                self.entries[place] = envelope.event

    def of(self, kind: type[Event]) -> dict[str, dict[str, Any]]:
        return {id: event.model_dump(mode="json") for (one, id), event in self.entries.items() if one is kind}
