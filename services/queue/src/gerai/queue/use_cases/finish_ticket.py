"""The visitor is served; the desk is free."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import session_and_ticket
from gerai.queue.use_cases.views import TicketView


async def finish_ticket(desk_id: str, *, uow: UnitOfWork, at: datetime, catalogue: Catalogue) -> TicketView:
    session, ticket = await session_and_ticket(desk_id, uow, catalogue)
    ticket.finish(at=at, actor=uow.context.actor)
    session.release()
    return TicketView.of(ticket)
