"""What hangs on a site's board now."""

from collections import Counter
from datetime import datetime
from itertools import islice

from gerai.contracts.queue import TicketState
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.calling import in_order
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.ticket import AT_A_DESK, Ticket
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.views import Board, BoardCounter, CalledView, NextView
from gerai.register import entries

MOST_CALLED = 500
NEXT = 3


async def show_board(
    site_id: str, *, uow: UnitOfWork, lines: Lines, at: datetime, catalogue: Catalogue
) -> Board:
    site = catalogue.site(site_id, tenant=uow.context.tenant)
    where = {"site_id": site.id, "state": {"$in": sorted(state.value for state in AT_A_DESK)}}
    called = await uow.select(Selection(kind=Ticket, where=where, limit=MOST_CALLED))
    called.sort(key=lambda ticket: ticket.since, reverse=True)
    open_desks = Selection(kind=DeskSession, where={"site_id": site.id, "is_open": True}, limit=MOST_CALLED)
    desks = Counter(session.counter_id for session in await uow.select(open_desks))
    counters = [
        await _counter(counter, lines, at, catalogue, open_desks=desks[counter.id])
        for counter in catalogue.counters_at(site.id)
    ]
    return Board(
        site_id=site.id,
        called=tuple(_called(ticket, catalogue, at) for ticket in called),
        counters=tuple(counters),
        as_of=at,
    )


def _called(ticket: Ticket, catalogue: Catalogue, at: datetime) -> CalledView:
    return CalledView(
        number=ticket.number,
        local_day=catalogue.other_day(ticket.site_id, ticket.local_day, at=at),
        state=TicketState(ticket.state),
        zone=catalogue.rules_of(ticket.site_id).zone_of(ticket.counter_id),
        counter_id=ticket.counter_id,
        counter=catalogue.counter_name(ticket.counter_id),
        desk_id=ticket.desk_id,
        desk=catalogue.desk_name(ticket.desk_id),
        call=ticket.leg.calls,
        since=ticket.since,
    )


async def _counter(
    counter: entries.Counter, lines: Lines, at: datetime, catalogue: Catalogue, *, open_desks: int
) -> BoardCounter:
    line = await lines.of(counter.id, tenant=counter.tenant)
    rules = catalogue.rules_of(counter.site_id)
    order = in_order(
        line.waiting,
        at=at,
        wait_limits=catalogue.wait_limits,
        streak=line.streak_of(catalogue.callers_at(counter.id)),
        priority_in_a_row=rules.priority_in_a_row,
    )
    return BoardCounter(
        counter_id=counter.id,
        counter=counter.name,
        zone=rules.zone_of(counter.id),
        waiting=len(line.waiting),
        next=tuple(
            NextView(
                number=one.number,
                local_day=catalogue.other_day(counter.site_id, one.local_day, at=at),
            )
            for one in islice(order, NEXT)
        ),
        open_desks=open_desks,
    )
