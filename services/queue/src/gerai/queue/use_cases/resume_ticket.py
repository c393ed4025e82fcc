"""A desk calls a ticket back that was held, or that comes for its pickup."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.ticket import Ticket
from gerai.queue.domain.ticket_refusals import UnableToResumeTicket
from gerai.queue.use_cases.at_desk import session_that_calls
from gerai.queue.use_cases.views import TicketView


def what_resuming_needs(desk_id: str, ticket_id: str) -> Needs:
    return Needs(aggregates=((DeskSession, desk_id), (Ticket, ticket_id)))


@command(needs=what_resuming_needs)
async def resume_ticket(
    uow: UnitOfWork, at: datetime, desk_id: str, *, ticket_id: str, catalogue: Catalogue
) -> TicketView:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    session = await session_that_calls(desk, uow)
    ticket = await uow.get(Ticket, ticket_id)
    if ticket.service_id not in desk.service_ids:
        raise UnableToResumeTicket("other_counter", field="ticket_id", number=ticket.number)
    ticket.resume(desk=desk.id, at=at, actor=uow.context.actor)
    session.take(ticket.id)
    return TicketView.of(ticket)
