"""The visitor came to the desk."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import session_and_ticket, what_the_desk_needs
from gerai.queue.use_cases.views import TicketView


@command(needs=what_the_desk_needs)
async def start_serving(uow: UnitOfWork, at: datetime, desk_id: str, *, catalogue: Catalogue) -> TicketView:
    _, ticket = await session_and_ticket(desk_id, uow, catalogue)
    ticket.start(at=at, actor=uow.context.actor)
    return TicketView.of(ticket)
