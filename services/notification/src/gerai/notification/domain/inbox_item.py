"""What stands in somebody's inbox on our own page."""

from datetime import datetime
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Term


class InboxItem(Aggregate):
    """Its id is the notification's: it is there once."""

    collection: ClassVar[str] = "inbox_items"
    word: ClassVar[Term] = Term("message", LocalizedText("pesan", "message"))

    party_id: str
    title: str
    text: str
    at: datetime
    read_at: datetime | None = None

    def mark_read(self, *, at: datetime) -> None:
        """The first time counts."""
        self.read_at = self.read_at or at
