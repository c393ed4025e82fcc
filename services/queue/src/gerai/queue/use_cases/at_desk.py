"""What all commands of a desk begin with: the desk, its session, and the ticket that is at it."""

from gerai.messaging.group_commit import Needs
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Conflict
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession, UnableToUseDesk
from gerai.queue.domain.ticket import AT_A_DESK, Ticket
from gerai.register.entries import Desk

AT_A_DESK_NOW = sorted(state.value for state in AT_A_DESK)


def ticket_at(desk: Desk) -> Selection[Ticket]:
    """Found by its desk, so that session and ticket come in one round trip. One more than there can be."""
    where = {"desk_id": desk.id, "site_id": desk.site_id, "state": {"$in": AT_A_DESK_NOW}}
    return Selection(kind=Ticket, where=where, limit=2, tenant=desk.tenant)


def what_the_desk_needs(desk_id: str, *, catalogue: Catalogue, tenant: str | None) -> Needs:
    desk = catalogue.desk(desk_id, tenant=tenant)
    return Needs(afresh=((DeskSession, desk.id),), selections=(ticket_at(desk),))


async def open_session(desk: Desk, uow: UnitOfWork) -> DeskSession:
    """Raises UnableToUseDesk where nobody opened the desk."""
    session = await uow.find(DeskSession, desk.id)
    if session is None or not session.is_open:
        raise UnableToUseDesk("desk_closed")
    return session


async def session_that_calls(desk: Desk, uow: UnitOfWork) -> DeskSession:
    """Open, in use and without a ticket; raises UnableToUseDesk. Who is at a desk that is withdrawn meanwhile is
    still served there."""
    if not desk.active:
        raise UnableToUseDesk("desk_withdrawn")
    session = await open_session(desk, uow)
    session.require_free()
    return session


async def session_and_ticket(
    desk_id: str, uow: UnitOfWork, catalogue: Catalogue
) -> tuple[DeskSession, Ticket]:
    """Raises UnableToUseDesk where the desk has no ticket.

    Not every step of a desk writes its session; but what changes the session changes the ticket that it names, and
    every step writes that. So it is enough that the two agree: a session that is behind names a ticket which is
    elsewhere by now.
    """
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    session = await open_session(desk, uow)
    if session.ticket_id is None:
        raise UnableToUseDesk("no_ticket_at_desk")
    for ticket in await uow.select(ticket_at(desk)):
        if ticket.id == session.ticket_id:
            return session, ticket
    raise Conflict("the desk and its ticket were read at different moments")
