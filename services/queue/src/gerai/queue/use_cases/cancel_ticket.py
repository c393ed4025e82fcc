"""A place in the line is given up: by the office, or by the visitor who holds the link."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.link import ticket_id_in
from gerai.queue.domain.ticket import Ticket
from gerai.queue.domain.ticket_refusals import UnableToUseLink
from gerai.queue.use_cases.show_visit import visit_view
from gerai.queue.use_cases.views import TicketView, VisitView

BY_VISITOR = "visitor"


def what_a_ticket_needs(ticket_id: str) -> Needs:
    return Needs(aggregates=((Ticket, ticket_id),))


def what_the_link_needs(link: str) -> Needs:
    return Needs(aggregates=((Ticket, ticket_id_in(link)),))


async def ticket_of_link(link: str, uow: UnitOfWork) -> Ticket:
    """Raises UnableToUseLink, which does not repeat the link."""
    ticket = await uow.find(Ticket, ticket_id_in(link))
    if ticket is None or not ticket.opens_with(link):
        raise UnableToUseLink("not_found")
    return ticket


@command(needs=what_a_ticket_needs)
async def cancel_ticket(uow: UnitOfWork, at: datetime, ticket_id: str, *, reason: str | None) -> TicketView:
    ticket = await uow.get(Ticket, ticket_id)
    ticket.cancel(at=at, actor=uow.context.actor, reason=reason)
    return TicketView.of(ticket)


@command(needs=what_the_link_needs)
async def cancel_visit(uow: UnitOfWork, at: datetime, link: str, *, catalogue: Catalogue) -> VisitView:
    """By the visitor; answers with what the visitor may see."""
    ticket = await ticket_of_link(link, uow)
    ticket.cancel(at=at, actor=BY_VISITOR, reason=BY_VISITOR)
    return visit_view(ticket, catalogue, people_before=None)
