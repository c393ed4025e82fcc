"""A site's day is over: who still has a place in the line gives it up, and desks that nobody closed are closed; in
bounded steps."""

from datetime import date, datetime

from gerai.messaging.selection import Selection
from gerai.messaging.storage import Conflict, TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.end_of_day import LOOK_AGAIN, day_ends_at, next_look_at, states_that_end
from gerai.queue.domain.rules import Overnight, Rules
from gerai.queue.domain.ticket import Ticket
from gerai.register.local_time import midnight_after

STEP = 50
"""So many in one transaction; the timer sets itself again until none is left."""


async def when_day_ended_expire_tickets(
    timer: TimerRow, *, uow: UnitOfWork, at: datetime, catalogue: Catalogue
) -> None:
    site_id, local_day = timer.payload["site_id"], timer.payload["local_day"]
    if not catalogue.knows_site(site_id):
        _again(timer, at + LOOK_AGAIN, uow)
        return
    if at < day_ends_at(catalogue, site_id, local_day):
        _again(timer, next_look_at(catalogue, site_id, local_day, at=at), uow)
        return
    midnight = midnight_after(date.fromisoformat(local_day), catalogue.zone_of(site_id))
    ended = await _expire_tickets(timer, uow, at=at, rules=catalogue.rules_of(site_id))
    closed = await _close_free_desks(timer, uow, at=at, opened_by=midnight) if ended < STEP else 0
    if STEP in (ended, closed):
        _again(timer, timer.due, uow)
    elif timer.due < midnight:
        # who was being served then may have been sent back into a line since, and the desk be free: look once more
        _again(timer, midnight, uow)


async def _expire_tickets(timer: TimerRow, uow: UnitOfWork, *, at: datetime, rules: Rules) -> int:
    if rules.overnight is Overnight.KEEP:
        return 0
    left = await uow.select(
        Selection(
            kind=Ticket,
            tenant=timer.tenant,
            where={
                "site_id": timer.payload["site_id"],
                "state": {"$in": [state.value for state in states_that_end(rules)]},
                "local_day": {"$lte": timer.payload["local_day"]},
            },
            limit=STEP,
        )
    )
    await uow.prefetch([(DeskSession, ticket.desk_id) for ticket in left if ticket.desk_id is not None])
    for ticket in left:
        if ticket.desk_id is not None:
            await _free(ticket.desk_id, ticket, uow)
        ticket.expire(at=at, actor=uow.context.actor)
    return len(left)


async def _close_free_desks(timer: TimerRow, uow: UnitOfWork, *, at: datetime, opened_by: datetime) -> int:
    """Not those that were opened on the next day already, when this comes late."""
    site_id = timer.payload["site_id"]
    where = {"site_id": site_id, "is_open": True, "ticket_id": None, "since": {"$lte": opened_by}}
    free = await uow.select(Selection(kind=DeskSession, tenant=timer.tenant, where=where, limit=STEP))
    for session in free:
        session.close(at=at)
    return len(free)


async def _free(desk_id: str, ticket: Ticket, uow: UnitOfWork) -> None:
    session = await uow.find(DeskSession, desk_id)
    if session is None or session.ticket_id != ticket.id:
        raise Conflict("the desk and its ticket were read at different moments")
    session.release()


def _again(timer: TimerRow, due: datetime, uow: UnitOfWork) -> None:
    uow.schedule(timer.name, timer.key, due=due, tenant=timer.tenant, payload=dict(timer.payload))
