"""A desk at work: who sits there, and the one ticket that is at it."""

from datetime import datetime
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.register.entries import Desk


class UnableToUseDesk(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "desk_closed": LocalizedText("Loket belum dibuka.", "The desk is not open."),
        "desk_busy": LocalizedText(
            "Selesaikan dulu nomor yang sedang di loket ini.", "Finish the ticket at this desk first."
        ),
        "desk_withdrawn": LocalizedText(
            "Loket ini sudah tidak dipakai.", "This desk is not in use any more."
        ),
        "no_ticket_at_desk": LocalizedText(
            "Tidak ada nomor di loket ini.", "There is no ticket at this desk."
        ),
    }


class DeskSession(Aggregate):
    """Its id is the desk's. All that a desk does goes through it, so that it never has two tickets at once."""

    collection: ClassVar[str] = "desk_sessions"
    warm: ClassVar[bool] = True

    site_id: str
    counter_id: str
    is_open: bool = False
    officer: str | None = None
    since: datetime | None = None
    ticket_id: str | None = None

    @classmethod
    def of(cls, desk: Desk) -> "DeskSession":
        """Of a desk where nobody sat yet."""
        return cls(id=desk.id, tenant=desk.tenant, site_id=desk.site_id, counter_id=desk.counter_id)

    def open_for(self, officer: str, *, at: datetime) -> None:
        """Opening an open desk hands it to the new officer: nobody has to look for who forgot to close it."""
        if not self.is_open or self.officer != officer:
            self.is_open, self.officer, self.since = True, officer, at

    def close(self, *, at: datetime) -> None:
        self.require_free()
        self.is_open, self.officer, self.since = False, None, at

    def require_free(self) -> None:
        """Raises unless the desk is open and has no ticket."""
        if not self.is_open:
            raise UnableToUseDesk("desk_closed")
        if self.ticket_id is not None:
            raise UnableToUseDesk("desk_busy")

    def take(self, ticket_id: str) -> None:
        self.require_free()
        self.ticket_id = ticket_id

    def release(self) -> None:
        self.ticket_id = None
