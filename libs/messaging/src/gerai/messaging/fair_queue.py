"""Who comes next when several parties want the same worker: deficit round robin (Shreedhar and Varghese, 1995).

Each party's items wait in a flow of their own, first come, first served. Flows take turns; in a turn a flow may spend
its credit on items, each of which costs its weight, and what it does not spend it keeps while anything of it waits.
So whoever asks for much waits behind its own requests, and nobody else does.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, Protocol, TypeVar

QUANTUM = 4
"""Credit for each turn. Small, so that a group of commands has room for many flows."""
HEAVIEST = 1_000
"""More does not count: a flow has to earn it turn by turn."""


class Waiting(Protocol):
    @property
    def flow(self) -> Hashable:
        """Whose it is."""
        ...

    @property
    def weight(self) -> int:
        """What serving it costs, in units of the smallest; at least 1."""
        ...


T = TypeVar("T", bound=Waiting)


class QueueFull(Exception):
    """The flow has used up its places; or all are taken, and no flow has more of them than this one would have."""


class _Flow(Generic[T]):
    def __init__(self) -> None:
        self.items: deque[T] = deque()
        self.credit = QUANTUM


class FairQueue(Generic[T]):
    """Bounded, over all and for each flow. An operation costs the same however many wait and however many flows there
    are, except `put` into a full queue."""

    def __init__(self, *, limit: int, flow_limit: int) -> None:
        self._limit = limit
        self._flow_limit = flow_limit
        self._flows: dict[Hashable, _Flow[T]] = {}
        self._turns: deque[_Flow[T]] = deque()
        """The flows in which something waits; the first one's turn it is."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, item: T) -> T | None:
        """Let it wait. Where no place is left, the longest flow gives up its newest item, which is returned.
        Raises QueueFull."""
        flow = self._flows.get(item.flow)
        length = len(flow.items) if flow is not None else 0
        if length >= self._flow_limit:
            raise QueueFull
        given_up = self._give_up_one(length) if self._size >= self._limit else None
        self._flow_of(item).items.append(item)
        self._size += 1
        return given_up

    def _give_up_one(self, length: int) -> T:
        longest = max(self._turns, key=lambda one: len(one.items), default=None)
        if longest is None or len(longest.items) <= length + 1:
            raise QueueFull
        self._size -= 1
        return longest.items.pop()

    def put_back(self, items: Sequence[T]) -> None:
        """Items that were taken and not served: each is the first of its flow again, and has cost nothing."""
        for item in reversed(items):
            flow = self._flow_of(item)
            flow.items.appendleft(item)
            flow.credit += _cost(item)
        self._size += len(items)

    def take(self, room: int, *, is_empty: bool = True) -> list[T]:
        """The next items, as long as their weights fit in the room. Into an empty room the next one goes whatever it
        weighs, then by itself."""
        taken: list[T] = []
        while self._turns and room > 0:
            flow = self._turns[0]
            weight = _cost(flow.items[0])
            if weight > flow.credit:
                flow.credit += QUANTUM
                self._turns.rotate(-1)
            elif weight <= room or (is_empty and not taken):
                taken.append(flow.items.popleft())
                room -= weight
                flow.credit -= weight
                if not flow.items:
                    self._turns.popleft()
                    del self._flows[taken[-1].flow]
            else:  # its turn goes on when there is room again
                break
        self._size -= len(taken)
        return taken

    def _flow_of(self, item: T) -> _Flow[T]:
        flow = self._flows.get(item.flow)
        if flow is None:
            flow = self._flows[item.flow] = _Flow()
            self._turns.append(flow)
        return flow


def _cost(item: Waiting) -> int:
    return min(item.weight, HEAVIEST)
