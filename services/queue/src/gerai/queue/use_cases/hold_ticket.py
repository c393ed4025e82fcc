"""A desk puts its ticket aside and is free for the next."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import session_and_ticket
from gerai.queue.use_cases.views import TicketView


async def hold_ticket(
    desk_id: str, *, reason: str | None, uow: UnitOfWork, at: datetime, catalogue: Catalogue
) -> TicketView:
    session, ticket = await session_and_ticket(desk_id, uow, catalogue)
    ticket.hold(at=at, actor=uow.context.actor, reason=reason)
    session.release()
    return TicketView.of(ticket)
