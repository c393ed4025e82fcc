"""The reading side of the outbox, and what sends: two ports of the relay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An outbox row that Kafka has not acknowledged yet."""

    id: str
    topic: str
    key: bytes
    body: bytes
    headers: Mapping[str, bytes]
    position: int
    created_at: datetime
    """Infrastructure time."""


class Outbox(Protocol):
    """Rows are found by their state, never by a cursor: what commits late is found late, but found."""

    async def pending(self, limit: int) -> list[Pending]:
        """The oldest pending rows, by position. Majority-committed ones only: no phantom leaves the house."""
        ...

    async def published(self, ids: Sequence[str]) -> None: ...

    async def park(self, row: Pending, reason: str) -> None:
        """Set a row aside that the broker refuses for good; an operator decides."""
        ...

    async def backlog(self) -> int:
        """Pending rows, counted up to 100,000."""
        ...


class Publisher(Protocol):
    """Sends rows of one partition in their order, and says which were acknowledged."""

    async def publish(self, rows: Sequence[Pending]) -> "Published": ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Published:
    """What became of the rows that were given to a publisher. Rows in neither list are tried again."""

    acknowledged: Sequence[str]
    refused: Mapping[str, str]
    """Row id → why the broker will never take it."""
    broken: bool
    """True: this publisher can't be trusted any more; make a new one and read the outbox again."""
