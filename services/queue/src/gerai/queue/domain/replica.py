"""What the registry last told about one entry, kept in the queue's own database."""

from typing import ClassVar

from gerai.messaging.aggregate import Aggregate


class ReplicaEntry(Aggregate):
    """The id is "<event type>:<entry id>". Only a newer state replaces an older one, in whatever order they come."""

    collection: ClassVar[str] = "replica"

    event_type: str
    sequence: int = 0
    """The registry's own version of the entry."""
    body: bytes = b""
    touched: int = 0
    """Microseconds of real time; a reader asks for what was touched lately."""

    def take(self, body: bytes, *, sequence: int, touched: int) -> bool:
        """Returns False for what is old already."""
        if sequence <= self.sequence:
            return False
        self.body, self.sequence, self.touched = body, sequence, touched
        return True
