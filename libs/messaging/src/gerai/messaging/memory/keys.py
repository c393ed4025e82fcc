"""The twin of the mounted key-encryption keys."""

import os

from gerai.messaging.sealing import KEY_BYTES, UnknownWrappingKey, WrappingKey


class MemoryWrappingKeys:
    """Implements `WrappingKeys`. One that is added wraps from then on."""

    def __init__(self, *ids: str) -> None:
        self.held: dict[str, WrappingKey] = {}
        for id in ids or ("2026-01-01",):
            self.add(id)

    def add(self, id: str) -> None:
        self.held[id] = WrappingKey(id, os.urandom(KEY_BYTES))

    def newest(self) -> WrappingKey:
        return self.held[max(self.held)]

    def get(self, id: str) -> WrappingKey:
        try:
            return self.held[id]
        except KeyError:
            raise UnknownWrappingKey(f"the key-encryption key {id} is not here") from None
