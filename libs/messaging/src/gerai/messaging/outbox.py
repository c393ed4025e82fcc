"""The reading side of the outbox, and what sends: two ports of the relay."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gerai.messaging.lease import Lease


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

    @property
    def size(self) -> int:
        """Bytes on the wire, nearly."""
        headers = sum(len(name) + len(value) for name, value in self.headers.items())
        return len(self.key) + len(self.body) + headers


class Outbox(Protocol):
    """Rows are found by their state, never by a cursor: what commits late is found late, but found."""

    async def pending(
        self, limit: int, *, beyond: Sequence["Pending"] = (), resting: Collection[str] = ()
    ) -> list[Pending]:
        """The oldest pending rows, by position, at most `limit` and fewer where they are large, without some topics.

        `beyond`: rows that are under way; what comes after the last of them. Nothing at all where another row has
        come to stand before the last: a later one of its aggregate may be among what comes after. A process gives a
        row its position some time before others see it, so this happens whatever the clocks say.

        What is seen is one majority-committed snapshot: no event leaves without its committed state, and a row is never seen
        without the earlier rows of its aggregate.
        """
        ...

    async def published(self, ids: Sequence[str], lease: Lease) -> None:
        """Mark what the broker acknowledged. Raises LeaseLost, with nothing marked."""
        ...

    async def park(self, row: Pending, reason: str, lease: Lease) -> None:
        """Set a row aside that the broker refuses for good; an operator decides. Raises LeaseLost."""
        ...

    async def backlog(self) -> int:
        """Pending rows, counted up to 100,000."""
        ...

    async def oldest(self) -> datetime | None:
        """When the first pending row was committed (infrastructure time)."""
        ...


class Publisher(Protocol):
    """Sends rows of one partition in their order, and says which were acknowledged."""

    async def publish(self, rows: Sequence[Pending], *, left: Callable[[], float]) -> "Published":
        """`left`: seconds for which nobody else sends. When they are over nothing is sent any more, and nothing that was
        not acknowledged is sent again: another may have sent newer rows meanwhile."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Published:
    """What became of the rows that were given to a publisher. Rows in neither list are tried again."""

    acknowledged: Sequence[str]
    refused: Mapping[str, str] = field(default_factory=dict)
    """Row id → why the broker will never take it."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Topic → why some of its rows did not get there this time."""
    broken: bool = False
    """True: this publisher can't be trusted any more; make a new one and read the outbox again."""
