"""A desk calls whoever is next in its counter's line."""

from datetime import datetime

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.messaging.group_commit import Needs
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.desk import DeskSession
from gerai.queue.domain.line import Line, ceiling, in_order
from gerai.queue.domain.offering import Post
from gerai.queue.domain.refusals import UnableToUseDesk
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import TicketView

FETCHED = 80
"""Per selection: more than one group of commands can call, and the ones who are told that their turn is near."""


def waiting_at(
    post: Post, services: tuple[str, ...], *, overdue: bool, at: datetime
) -> list[Selection[Ticket]]:
    """Who may be called now, by class and in order; together they hold whoever is first by any rule."""
    where: dict[str, object] = {
        "counter_id": post.counter.id,
        "state": TicketState.WAITING.value,
        "service_id": {"$in": list(services)},
        "callable_from": {"$lte": ceiling(at)},
    }
    order = (("order_at", 1), ("n", 1), ("id", 1))
    selections = [
        Selection(kind=Ticket, where={**where, "priority_class": one.value}, order=order, limit=FETCHED)
        for one in PriorityClass
    ]
    if overdue:
        late = {"overdue_at": {"$lte": ceiling(at)}}
        selections += [
            Selection(kind=Ticket, where={**one.where, **late}, order=order, limit=FETCHED)
            for one in selections
        ]
    return selections


def selections_of(post: Post, *, catalogue: Catalogue, at: datetime) -> list[Selection[Ticket]]:
    services = catalogue.services_of_desk(post)
    if not services:
        return []
    limited = any(
        catalogue.offering(id, post.tenant).service.wait_limit_minutes is not None for id in services
    )
    return waiting_at(post, services, overdue=limited, at=at)


def needs_of(desk_id: str, *, catalogue: Catalogue, tenant: str | None, at: datetime) -> Needs:
    post = catalogue.post(desk_id, tenant)
    return Needs(
        aggregates=[(DeskSession, desk_id), (Line, post.counter.id)],
        selections=selections_of(post, catalogue=catalogue, at=at),
    )


async def call_next(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> TicketView:
    """Raises UnableToUseDesk: desk_closed, desk_busy, nobody_waiting."""
    post = catalogue.post(desk_id, uow.context.tenant)
    rules = catalogue.rules(post.site.id)
    session = await uow.find(DeskSession, desk_id)
    if session is None:
        raise UnableToUseDesk("desk_closed")
    session.require_open()
    session.require_idle()
    line = await uow.find(Line, post.counter.id)
    if line is None:
        line = Line(id=post.counter.id, tenant=post.tenant)
        uow.add(line)
    seen: dict[str, Ticket] = {}
    for selection in selections_of(post, catalogue=catalogue, at=at):
        for waiting in await uow.select(selection, first=rules.near_front + 1):
            seen[waiting.id] = waiting
    ticket = line.next_of(list(seen.values()), rules, at=at)
    if ticket is None:
        raise UnableToUseDesk("nobody_waiting")
    actor = uow.context.actor
    ticket.call(desk_id=desk_id, line_sequence=line.advance(ticket), actor=actor, at=at)
    session.take(ticket.id)
    others = in_order([one for one in seen.values() if one.id != ticket.id], at=at)
    for people_before, near in enumerate(others[: rules.near_front]):
        near.approach_front(people_before=people_before, actor=actor, at=at)
    return TicketView.of(ticket)
