"""A desk at work: who sits there, and the one ticket it has."""

from datetime import datetime
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate
from gerai.queue.domain.offering import Post
from gerai.queue.domain.refusals import UnableToUseDesk


class DeskSession(Aggregate):
    """One desk; the id is the desk's. At most one active ticket."""

    collection: ClassVar[str] = "desks"

    site_id: str
    counter_id: str
    is_open: bool = False
    officer: str | None = None
    opened_at: datetime | None = None
    ticket_id: str | None = None

    @classmethod
    def of(cls, post: Post) -> "DeskSession":
        desk = post.desk
        return cls(id=desk.id, tenant=desk.tenant, site_id=desk.site_id, counter_id=desk.counter_id)

    def open(self, *, officer: str, at: datetime) -> None:
        """An officer sits down. Opening an open desk hands it to the new officer."""
        self.is_open, self.officer, self.opened_at = True, officer, at

    def close(self) -> None:
        self.require_idle()
        self.is_open, self.officer = False, None

    def take(self, ticket_id: str) -> None:
        """The desk has a ticket from now on."""
        self.require_open()
        self.require_idle()
        self.ticket_id = ticket_id

    def release(self) -> None:
        self.ticket_id = None

    def active_ticket(self) -> str:
        """The id of the ticket at the desk."""
        self.require_open()
        if self.ticket_id is None:
            raise UnableToUseDesk("desk_idle")
        return self.ticket_id

    def require_open(self) -> None:
        if not self.is_open:
            raise UnableToUseDesk("desk_closed")

    def require_idle(self) -> None:
        if self.ticket_id is not None:
            raise UnableToUseDesk("desk_busy", ticket_id=self.ticket_id)
