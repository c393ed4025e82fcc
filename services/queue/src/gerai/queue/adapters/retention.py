"""How long the queue keeps what it writes."""

from collections.abc import Iterable

from gerai.contracts.queue import TicketState
from gerai.messaging.retention import Rule
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.domain.ticket import ENDED, PUT_ASIDE, Ticket


def _in(states: Iterable[TicketState]) -> dict[str, object]:
    return {"state": {"$in": sorted(state.value for state in states)}}


RULES = (
    Rule(
        kind="ended tickets",
        collection=Ticket.collection,
        since="rests_since",
        setting="keep_tickets_days",
        where=_in(ENDED),
    ),
    Rule(
        kind="tickets put aside",
        collection=Ticket.collection,
        since="rests_since",
        setting="keep_unfinished_tickets_days",
        where=_in(PUT_ASIDE),
    ),
    Rule(  # kept over night, again and again, in a line that nobody calls any more
        kind="waiting tickets",
        collection=Ticket.collection,
        since="since",
        setting="keep_unfinished_tickets_days",
        where={"counter_id": {"$gt": ""}, "state": TicketState.WAITING.value},
    ),
    Rule(
        kind="number ranges",
        collection=ServiceDay.collection,
        since="local_day",
        setting="keep_number_ranges_days",
        by_day=True,
    ),
    Rule(
        kind="closed desks",
        collection=DeskSession.collection,
        since="since",
        setting="keep_closed_desks_days",
        where={"is_open": False},
    ),
)
"""A ticket takes its link along. Who is at a desk is never deleted, since the desk works on that ticket."""
