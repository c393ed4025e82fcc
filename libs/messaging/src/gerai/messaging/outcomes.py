"""What can become of a consumed record. A handler that returns is Done; the others are raised."""

from enum import StrEnum


class Outcome(StrEnum):
    DONE = "done"
    REPEATED = "repeated"
    """Its effect was there already."""
    SKIPPED = "skipped"
    """Another type, or a replay for another group."""
    RETRY = "retry"
    PARKED = "parked"
    DEAD_LETTER = "dead_letter"


class Retry(Exception):
    """What is missing comes by itself: back off and try again, in place."""


class Park(Exception):
    """This key waits (something it needs is not there yet); its followers queue behind it, others flow."""


class DeadLetter(Exception):
    """Poison: it will never be handled. `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
