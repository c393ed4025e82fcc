"""The visitor's own page data: found by a secret link, without a login."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel
from starlette.responses import Response

from gerai.chassis import CommandsOf, House, Routes
from gerai.contracts.queue import TicketState
from gerai.messaging.group_commit import Needs
from gerai.messaging.refusal import UnableToFind
from gerai.queue.adapters.display_frames import DisplayNames
from gerai.queue.adapters.visits import Visits
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.change_ticket import cancel_ticket

Link = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_-]{24}$", description="The secret part of the visitor's page.")
]


class VisitView(BaseModel):
    """What a visitor may know: the same shape in every state."""

    number: str
    state: TicketState
    counter: str
    desk: str | None
    people_before: int | None
    """Waiting visitors whose turn comes before; None when not waiting."""
    leg: int
    calls: int
    since: datetime


def routes(house: House, visits: Visits, names: DisplayNames) -> Routes:
    """Under /v1/visits."""
    visit = Routes(tag="visits", prefix="/v1/visits")

    async def ticket_of(link: str) -> Ticket:
        ticket = await visits.by_link(link)
        if ticket is None:
            raise UnableToFind("visit", "")
        return ticket

    @visit.get("/{link}", public=True)
    async def look(link: Link) -> VisitView:
        """Where am I in the queue?"""
        ticket = await ticket_of(link)
        waiting = ticket.state is TicketState.WAITING
        before = await visits.people_before(ticket, at=house.clock.now()) if waiting else None
        return VisitView(
            number=ticket.number,
            state=ticket.state,
            counter=names.counter_name(ticket.counter_id),
            desk=names.desk_name(ticket.desk_id) if ticket.desk_id else None,
            people_before=before,
            leg=len(ticket.legs),
            calls=ticket.leg.calls,
            since=ticket.order_at,
        )

    @visit.post("/{link}/cancel", public=True, response_model=None)
    async def cancel(link: Link, commands: CommandsOf) -> Response:
        """The visitor gives the place up."""
        at = house.clock.now()
        ticket_id = (await ticket_of(link)).id
        return await commands.run(
            lambda uow: cancel_ticket(ticket_id, "by_visitor", uow=uow, at=at),
            needs=Needs(aggregates=[(Ticket, ticket_id)]),
        )

    return visit
