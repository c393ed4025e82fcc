"""Business time that a test sets."""

from datetime import datetime


class SetClock:
    """Stands still until the test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at
