"""What use cases need from outside, beside the unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gerai.queue.domain.ticket import Ticket


@dataclass(frozen=True)
class LineState:
    """A counter's line as it stood a moment ago."""

    waiting: Sequence[Ticket]
    streak: int


class Lines(Protocol):
    """Lines for looking at, not for calling: many visitors look at the same one."""

    async def of(self, counter_id: str, *, fresh_for: Ticket | None = None) -> LineState:
        """A state that is a moment old; but never one that does not know `fresh_for` yet."""
        ...
