"""A desk puts its ticket aside and is free for the next."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import session_and_ticket, what_the_desk_needs
from gerai.queue.use_cases.views import TicketView


@command(needs=what_the_desk_needs)
async def hold_ticket(
    uow: UnitOfWork, at: datetime, desk_id: str, *, reason: str | None, catalogue: Catalogue
) -> TicketView:
    session, ticket = await session_and_ticket(desk_id, uow, catalogue)
    ticket.hold(at=at, actor=uow.context.actor, reason=reason)
    session.release()
    return TicketView.of(ticket)
