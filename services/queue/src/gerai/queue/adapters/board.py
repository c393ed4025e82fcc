"""What hangs on a site's board now, from the tickets themselves."""

from typing import Any

from gerai.contracts.queue import TicketState
from gerai.messaging.mongo.driver import Database
from gerai.queue.adapters.display_frames import DisplayNames
from gerai.queue.domain.ticket import Ticket

CALLED_LIMIT = 60
NEXT_LIMIT = 3


class Board:
    """Reads for displays that begin."""

    def __init__(self, database: Database, names: DisplayNames) -> None:
        self._database = database
        self._names = names

    async def called(self, site_id: str) -> list[dict[str, Any]]:
        """Tickets that are called or served now, the latest first."""
        states = [TicketState.CALLED.value, TicketState.SERVING.value]
        where = {"site_id": site_id, "state": {"$in": states}}
        found = await self._database[Ticket.collection].find(where).limit(CALLED_LIMIT * 5).to_list(None)
        tickets = [Ticket.from_document(document) for document in found]
        tickets.sort(key=lambda ticket: ticket.leg.last_called_at or ticket.order_at, reverse=True)
        return [self._shown(ticket) for ticket in tickets[:CALLED_LIMIT]]

    async def waiting(self, site_id: str) -> dict[str, int]:
        """How many wait at each counter."""
        pipeline: list[dict[str, Any]] = [
            {"$match": {"site_id": site_id, "state": TicketState.WAITING.value}},
            {"$group": {"_id": "$counter_id", "waiting": {"$sum": 1}}},
            {"$limit": 500},
        ]
        found = await self._database.aggregate(Ticket.collection, pipeline)
        return {document["_id"]: document["waiting"] for document in found}

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        return {
            "number": ticket.number,
            "state": ticket.state.value,
            "counter_id": ticket.counter_id,
            "counter": self._names.counter_name(ticket.counter_id),
            "desk_id": ticket.desk_id,
            "desk": self._names.desk_name(ticket.desk_id) if ticket.desk_id else None,
            "call": ticket.leg.calls,
        }
