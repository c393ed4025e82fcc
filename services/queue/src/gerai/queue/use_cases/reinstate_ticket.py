"""Who missed the calls came soon after."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.cancel_ticket import what_a_ticket_needs
from gerai.queue.use_cases.views import TicketView


@command(needs=what_a_ticket_needs)
async def reinstate_ticket(
    uow: UnitOfWork, at: datetime, ticket_id: str, *, catalogue: Catalogue
) -> TicketView:
    ticket = await uow.get(Ticket, ticket_id)
    ticket.reinstate(rules=catalogue.rules_of(ticket.site_id), at=at, actor=uow.context.actor)
    return TicketView.of(ticket)
