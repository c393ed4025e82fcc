"""A record as it came from a topic, before anybody has understood it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def place(self) -> str:
        """Where it stands: "queue.tickets/3@1042"."""
        return f"{self.topic}/{self.partition}@{self.offset}"

    @property
    def lane(self) -> str:
        """Records of one lane are handled in order; lanes are independent."""
        return f"{self.topic}:{self.key!r}" if self.key is not None else self.place
