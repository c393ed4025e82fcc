"""A desk calls who is next."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.line import Line
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.at_desk import session_that_calls
from gerai.queue.use_cases.views import TicketView
from gerai.register.entries import Desk

WIDE = 1_000
BRANCHES_KEPT = 4_096
SPARE = 3
"""Read beyond the front: priority visitors who stand before it, and whom other desks call in the same moment."""
CLASSES = sorted(PriorityClass)


def what_calling_needs(desk_id: str, *, catalogue: Catalogue, tenant: str | None) -> Needs:
    desk = catalogue.desk(desk_id, tenant=tenant)
    return Needs(
        aggregates=((DeskSession, desk.id), (Line, desk.counter_id)),
        selections=branches(desk, catalogue),
    )


@command(needs=what_calling_needs)
async def call_next(uow: UnitOfWork, at: datetime, desk_id: str, *, catalogue: Catalogue) -> TicketView:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    session = await session_that_calls(desk, uow)
    rules = catalogue.rules_of(desk.site_id)
    line = await uow.find_or_add(Line(id=desk.counter_id, tenant=desk.tenant))
    candidates = [
        one for branch in branches(desk, catalogue) for one in await _front_of(branch, rules, uow, at)
    ]
    ticket = line.call_next(
        candidates,
        desk=desk.id,
        serves=desk.service_ids,
        wait_limits=catalogue.wait_limits,
        rules=rules,
        at=at,
        actor=uow.context.actor,
    )
    session.take(ticket.id)
    return TicketView.of(ticket)


def branches(desk: Desk, catalogue: Catalogue) -> tuple[Selection[Ticket], ...]:
    """The line before a desk, in branches within which class and place in line alone say who comes first: those of
    one class and one wait limit become overdue in the order in which they came. The limit is the service's present one:
    a limit of the past that tickets kept would be another branch."""
    by_limit: dict[timedelta | None, list[str]] = defaultdict(list)
    for service in catalogue.served_by(desk):
        by_limit[service.wait_limit].append(service.id)
    read = _front(catalogue.rules_of(desk.site_id)) + SPARE
    return tuple(
        _branch(desk.tenant, desk.counter_id, tuple(sorted(service_ids)), read)
        for service_ids in by_limit.values()
    )


@lru_cache(maxsize=BRANCHES_KEPT)
def _branch(tenant: str, counter_id: str, service_ids: tuple[str, ...], limit: int) -> Selection[Ticket]:
    """Calls ask for the same few again and again."""
    where = {
        "counter_id": counter_id,
        "state": TicketState.WAITING.value,
        "service_id": {"$in": service_ids},
    }
    order = (("priority_class", 1), ("order_at", 1), ("n", 1), ("id", 1))
    return Selection(kind=Ticket, where=where, order=order, limit=limit, tenant=tenant)


def _front(rules: Rules) -> int:
    """Who is called, those who are told that they are near the front, and one more."""
    return rules.near_front + 2


async def _front_of(branch: Selection[Ticket], rules: Rules, uow: UnitOfWork, at: datetime) -> list[Ticket]:
    """The first of each class of a branch, so many that the next and those near the front are among them; all of it
    where people who may not be called yet stand in their way."""
    wanted = _front(rules)
    found = await uow.select_of_each(branch, CLASSES, first=wanted)
    for priority_class in CLASSES:
        front = [one for one in found if one.priority_class is priority_class]
        if len(front) == wanted and any(one.callable_from > at for one in front):
            return await uow.select(replace(branch, limit=WIDE))
    return found
