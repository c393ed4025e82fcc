"""What a process remembers of its own writes, and when it may rely on it.

Warm aggregates (number ranges, desks) are kept as they were last written. An attempt that trusts them reads less. It is
still safe: versions and unique keys guard what it writes, and what it does not write is not believed without fresh reads
(`UnitOfWork.rests_on_memory`). After a conflict another process is at work on the same data, so nothing is trusted for a
while.
"""

import time
from collections.abc import Mapping

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.identity_map import Identity, IdentityMap

WARM_LIMIT = 500
COOL_DOWN_S = 0.5
"""After a conflict another process is at work on the same data: trusting attempts would be wasted for a while."""


class TrustedMemory:
    """Of one process."""

    def __init__(self) -> None:
        self._warm: dict[Identity, Aggregate] = {}
        self._trust_from = 0.0

    def is_trusted(self) -> bool:
        return time.monotonic() >= self._trust_from

    @property
    def warm(self) -> Mapping[Identity, Aggregate]:
        return self._warm

    def keep(self, written: IdentityMap) -> None:
        """The newest state of each warm aggregate of a group that was written; the oldest ones are dropped."""
        for identity in written.touched:
            if identity[0].warm and (state := written.known[identity]) is not None:
                self._warm[identity] = state
                while len(self._warm) > WARM_LIMIT:
                    del self._warm[next(iter(self._warm))]

    def distrust(self) -> None:
        """Somebody else has changed something: forget all of it."""
        self._warm.clear()
        self._trust_from = time.monotonic() + COOL_DOWN_S
