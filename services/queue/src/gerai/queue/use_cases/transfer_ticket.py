"""A desk sends its visitor on to another service."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket_refusals import UnableToTransferTicket
from gerai.queue.use_cases.at_desk import session_and_ticket, what_the_desk_needs
from gerai.queue.use_cases.views import TicketView


@command(needs=what_the_desk_needs)
async def transfer_ticket(
    uow: UnitOfWork,
    at: datetime,
    desk_id: str,
    *,
    service_id: str,
    reason: str | None,
    catalogue: Catalogue,
) -> TicketView:
    """Opening hours are not asked: who holds a number is still served."""
    session, ticket = await session_and_ticket(desk_id, uow, catalogue)
    target = catalogue.service(service_id, tenant=uow.context.tenant)
    if target.site_id != ticket.site_id:
        raise UnableToTransferTicket("other_site", field="service_id")
    if not catalogue.is_offered(target):
        raise UnableToTransferTicket("service_closed", field="service_id")
    ticket.transfer(
        service_id=target.id,
        counter_id=target.counter_id,
        at=at,
        actor=uow.context.actor,
        reason=reason,
    )
    session.release()
    return TicketView.of(ticket)
