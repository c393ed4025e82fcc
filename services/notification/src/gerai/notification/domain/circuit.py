"""A circuit breaker: a provider that fails again and again is left alone for a while, and then tried with one message."""

from datetime import datetime, timedelta
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate

FAILURES_TO_OPEN = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)


class Circuit(Aggregate):
    """Of one provider, for all replicas; its id is the provider's name. Closed: messages go out."""

    collection: ClassVar[str] = "circuits"
    warm: ClassVar[bool] = True

    failures: int = 0
    """In a row."""
    openings: int = 0
    """In a row; each pause is twice as long as the one before."""
    open_until: datetime | None = None
    """The end of the pause. From then on messages go out again, and the first failure opens it anew."""

    def lets_through(self, *, at: datetime) -> bool:
        return self.open_until is None or at >= self.open_until

    def succeeded(self) -> None:
        if self.failures or self.openings or self.open_until is not None:
            self.failures, self.openings, self.open_until = 0, 0, None

    def failed(self, *, at: datetime) -> None:
        """The provider is away, slow or broken. A refusal of one message is no failure of the provider."""
        self.failures += 1
        is_probe = self.openings > 0
        if self.lets_through(at=at) and (is_probe or self.failures >= FAILURES_TO_OPEN):
            pause: timedelta = min(FIRST_PAUSE * 2 ** min(self.openings, 10), LONGEST_PAUSE)
            self.open_until = at + pause
            self.openings += 1
