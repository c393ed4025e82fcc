"""The visitor's own view, by the secret link."""

from datetime import datetime

from gerai.contracts.queue import TicketState
from gerai.queue.domain.calling import in_order
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.views import VisitView


async def show_visit(ticket: Ticket, *, lines: Lines, at: datetime, catalogue: Catalogue) -> VisitView:
    before = await people_before(ticket, lines=lines, at=at, catalogue=catalogue)
    return visit_view(ticket, catalogue, people_before=before)


def visit_view(ticket: Ticket, catalogue: Catalogue, *, people_before: int | None) -> VisitView:
    return VisitView(
        number=ticket.number,
        state=ticket.state,
        service=catalogue.service_name(ticket.service_id),
        counter=catalogue.counter_name(ticket.counter_id),
        desk=catalogue.desk_name(ticket.desk_id) if ticket.desk_id else None,
        people_before=people_before,
        position=people_before + 1 if people_before is not None else None,
        leg=len(ticket.legs),
        calls=ticket.leg.calls,
        since=ticket.order_at,
        can_cancel=ticket.state in {TicketState.WAITING, TicketState.HELD},
    )


async def people_before(ticket: Ticket, *, lines: Lines, at: datetime, catalogue: Catalogue) -> int | None:
    """Who waits for the desks that serve this ticket's service, and is called earlier; None when not waiting."""
    if ticket.state is not TicketState.WAITING:
        return None
    line = await lines.of(ticket.counter_id, tenant=ticket.tenant, fresh_for=ticket)
    rivals = catalogue.rivals_of(ticket.service_id)
    order = in_order(
        (one for one in line.waiting if one.service_id in rivals),
        at=at,
        wait_limits=catalogue.wait_limits,
        streak=line.streak_of(catalogue.callers_of(ticket.service_id)),
        priority_in_a_row=catalogue.rules_of(ticket.site_id).priority_in_a_row,
    )
    count = 0
    for one in order:
        if one.id == ticket.id:
            break
        count += 1
    return count
