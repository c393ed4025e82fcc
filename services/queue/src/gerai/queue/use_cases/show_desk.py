"""A desk, as its officer sees it."""

from gerai.contracts.queue import TicketState
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.views import DeskView

ASIDE_LIMIT = 50


async def show_desk(desk_id: str, *, uow: UnitOfWork, lines: Lines, catalogue: Catalogue) -> DeskView:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    session = await uow.find(DeskSession, desk.id)
    if session is None:
        session = DeskSession.of(desk)
    ticket = await uow.find(Ticket, session.ticket_id) if session.ticket_id is not None else None
    line = await lines.of(desk.counter_id, tenant=desk.tenant)
    aside = Selection(
        kind=Ticket,
        where={
            "site_id": desk.site_id,
            "state": {"$in": [TicketState.HELD.value, TicketState.AWAITING_PICKUP.value]},
            "service_id": {"$in": sorted(desk.service_ids)},
        },
        order=(("since", 1), ("id", 1)),
        limit=ASIDE_LIMIT,
    )
    return DeskView.showing(
        session,
        name=desk.name,
        service_ids=desk.service_ids,
        ticket=ticket,
        waiting=sum(1 for one in line.waiting if one.service_id in desk.service_ids),
        aside=await uow.select(aside),
    )
