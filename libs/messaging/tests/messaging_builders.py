"""A small domain for the library's own tests: jars that are filled, and a tally of them per shelf."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from gerai.contracts.hourly import HourCounted
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.refusal import Refusal, Sentence
from gerai.messaging.storage import Once, OnceKind

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


class UnableToFill(Refusal):
    sentences: ClassVar[dict[str, Sentence]] = {"full": Sentence("Stoples penuh.", "The jar is full.")}


class Jar(Aggregate):
    collection: ClassVar[str] = "jars"

    filled: int = 0
    room: int = 3
    shelf: str = "s1"

    def fill(self, *, at: datetime = NOON) -> None:
        if self.filled >= self.room:
            raise UnableToFill("full")
        self.filled += 1
        self._record(HourCounted(tenant=self.tenant, hour=at, tickets=self.filled), at=at)


class Tally(Aggregate):
    collection: ClassVar[str] = "tallies"
    warm: ClassVar[bool] = True

    count: int = 0

    def next(self) -> int:
        self.count += 1
        return self.count


def context(tenant: str | None = "muna-barat", **rest: Any) -> Context:
    return Context(tenant=tenant, actor="tester", correlation_id="corr-1", **rest)


def once(key: str, fingerprint: str = "f") -> Once:
    return Once(kind=OnceKind.IDEMPOTENCY, key=key, fingerprint=fingerprint)
