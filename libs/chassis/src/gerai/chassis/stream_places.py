"""How many streams a process keeps open, and for whom: nobody can take the places of others."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import Counter as Counting
from prometheus_client import Gauge

from gerai.chassis.problems import Problem

KEPT_FREE = 5
"""One place in so many is kept for regencies with few streams."""
FEW = 20

OPEN = Gauge(
    "gerai_streams", "Event streams and uploads under way on this process, by what they are of.", ["stream"]
)
REFUSED = Counting(
    "gerai_streams_refused_total",
    "Event streams and uploads refused because a limit was reached: of the caller, of its regency, or of the process.",
    ["stream", "limit"],
)

Limit = Literal["caller", "regency", "process"]


class NoPlace(Exception):
    """A limit is reached. `limit` says whose."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit)
        self.limit = limit

    @property
    def problem(self) -> Problem:
        """Whose own limit is reached has streams to close; for a full process another replica may have room."""
        if self.limit == "process":
            return Problem(503, "busy", headers={"Retry-After": "2"})
        return Problem(429, "too_many_requests", headers={"Retry-After": "15"})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Streams of one process."""

    all: int = 1_000
    of_regency: int = 400
    of_caller: int = 200


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who asks for a stream: a token's subject, within a regency."""

    tenant: str
    subject: str


class Places:
    """Taken with `take`, given back with `give_back`. What is known of a viewer goes with its last stream."""

    def __init__(self, stream: str, limits: Limits) -> None:
        """`stream`: what metrics call it."""
        self._stream = stream
        self._limits = limits
        self._taken: Counter[Hashable] = Counter()
        self._all = 0

    def take(self, viewer: Viewer) -> None:
        """Raises NoPlace.

        A part of all places is open only to regencies that have few streams: however many panels the others have, a
        small hall gets its own.
        """
        limits, of_regency = self._limits, self._taken[viewer.tenant]
        open_to_it = limits.all if of_regency < FEW else limits.all - limits.all // KEPT_FREE
        if self._taken[viewer] >= limits.of_caller:
            self._refuse("caller")
        if of_regency >= limits.of_regency:
            self._refuse("regency")
        if self._all >= open_to_it:
            self._refuse("process")
        self._change(viewer, 1)

    def give_back(self, viewer: Viewer) -> None:
        self._change(viewer, -1)

    def _change(self, viewer: Viewer, by: int) -> None:
        self._all += by
        for one in (viewer, viewer.tenant):
            self._taken[one] += by
            if not self._taken[one]:
                del self._taken[one]
        OPEN.labels(self._stream).inc(by)

    def _refuse(self, limit: Limit) -> None:
        REFUSED.labels(self._stream, limit).inc()
        raise NoPlace(limit)
