"""Open and close a desk, and bring a ticket that was put aside back to it."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.desk import DeskSession
from gerai.queue.domain.refusals import UnableToUseDesk
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import DeskView, TicketView


async def open_desk(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> DeskView:
    post = catalogue.post(desk_id, uow.context.tenant)
    session = await uow.find(DeskSession, desk_id)
    if session is None:
        session = DeskSession.of(post)
        uow.add(session)
    session.open(officer=uow.context.actor, at=at)
    return DeskView.of(session, await _ticket_at(session, uow), changed=True)


async def close_desk(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> DeskView:
    """Raises UnableToUseDesk (desk_busy) while a ticket is at the desk."""
    catalogue.post(desk_id, uow.context.tenant)
    session = await uow.find(DeskSession, desk_id)
    if session is None:
        raise UnableToUseDesk("desk_closed")
    session.close()
    return DeskView.of(session, None, changed=True)


async def look_at_desk(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue) -> DeskView:
    post = catalogue.post(desk_id, uow.context.tenant)
    session = await uow.find(DeskSession, desk_id) or DeskSession.of(post)
    return DeskView.of(session, await _ticket_at(session, uow))


async def resume(
    desk_id: str, ticket_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> TicketView:
    """A held ticket, or one that awaits its pickup, comes back to a free desk of its counter."""
    post = catalogue.post(desk_id, uow.context.tenant)
    session = await uow.find(DeskSession, desk_id)
    if session is None:
        raise UnableToUseDesk("desk_closed")
    ticket = await uow.get(Ticket, ticket_id)
    if ticket.counter_id != post.counter.id:
        raise UnableToUseDesk("other_counter")
    session.take(ticket.id)
    ticket.resume(desk_id=desk_id, actor=uow.context.actor, at=at)
    return TicketView.of(ticket)


async def _ticket_at(session: DeskSession, uow: UnitOfWork) -> Ticket | None:
    return await uow.find(Ticket, session.ticket_id) if session.ticket_id is not None else None
