"""The visitor came to the desk."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import session_and_ticket
from gerai.queue.use_cases.views import TicketView


async def start_serving(desk_id: str, *, uow: UnitOfWork, at: datetime, catalogue: Catalogue) -> TicketView:
    _, ticket = await session_and_ticket(desk_id, uow, catalogue)
    ticket.start(at=at, actor=uow.context.actor)
    return TicketView.of(ticket)
