"""The visitor's side: found by the secret link, and how many people are before."""

from datetime import datetime

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.messaging.mongo.driver import Database
from gerai.queue.domain.ticket import Ticket

COUNT_LIMIT = 1_000


class Visits:
    """Reads for the visitor's own page."""

    def __init__(self, database: Database) -> None:
        self._tickets = database[Ticket.collection]

    async def by_link(self, link: str) -> Ticket | None:
        document = await self._tickets.find_one({"link": link})
        return Ticket.from_document(document) if document is not None else None

    async def people_before(self, ticket: Ticket, *, at: datetime) -> int:
        """Waiting tickets of the counter whose turn comes before this one's, as it stands now; up to 1,000."""
        waiting = {"counter_id": ticket.counter_id, "state": TicketState.WAITING.value}
        earlier = {
            "$or": [
                {"order_at": {"$lt": ticket.order_at}},
                {"order_at": ticket.order_at, "n": {"$lt": ticket.n}},
            ]
        }
        same_class = {"priority_class": ticket.priority_class.value, **earlier}
        if ticket.priority_class is PriorityClass.PRIORITY:
            before = [same_class]
        else:
            before = [same_class, {"priority_class": PriorityClass.PRIORITY.value}]
        where = {**waiting, "_id": {"$ne": ticket.id}, "$or": before}
        return int(await self._tickets.count_documents(where, limit=COUNT_LIMIT))
