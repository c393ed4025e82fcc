"""What happens to a ticket away from a desk: given up, or brought back after a missed call."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import TicketView


async def cancel_ticket(ticket_id: str, reason: str | None, *, uow: UnitOfWork, at: datetime) -> TicketView:
    ticket = await uow.get(Ticket, ticket_id)
    ticket.cancel(actor=uow.context.actor, reason=reason, at=at)
    return TicketView.of(ticket)


async def reinstate_ticket(
    ticket_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> TicketView:
    """Who missed the call came in time; once."""
    ticket = await uow.get(Ticket, ticket_id)
    ticket.reinstate(catalogue.rules(ticket.site_id), actor=uow.context.actor, at=at)
    return TicketView.of(ticket)
