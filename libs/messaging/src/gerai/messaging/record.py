"""A record as it came from a topic, before anybody has understood it."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int = 0
    """Milliseconds, as the topic keeps it: the same however often the record is delivered."""

    @property
    def place(self) -> str:
        """Where it stands: "queue.tickets/3@1042"."""
        return f"{self.topic}/{self.partition}@{self.offset}"

    @property
    def identity(self) -> str:
        """Its place, and what was found there: "queue.tickets/3@1042#9f2c…". A topic that was deleted and made again
        counts its offsets from 0, so at the place of one record another may come to stand."""
        digest = hashlib.sha256(str(self.timestamp).encode())
        for part in (
            self.key,
            self.value,
            *(one for name, raw in self.headers for one in (name.encode(), raw)),
        ):
            digest.update(b"-" if part is None else b"%d:" % len(part))
            digest.update(part or b"")
        return f"{self.place}#{digest.hexdigest()[:32]}"

    @property
    def size_beside(self) -> int:
        """Bytes of all but the value."""
        return len(self.key or b"") + sum(len(name) + len(raw) for name, raw in self.headers)

    @property
    def lane(self) -> str:
        """Records of one lane are handled in order; lanes are independent."""
        return f"{self.topic}:{self.key!r}" if self.key is not None else self.place
