"""The steps that an officer takes with the ticket at the desk. Each is one method of the ticket."""

from collections.abc import Callable
from datetime import datetime

from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.desk import DeskSession
from gerai.queue.domain.refusals import UnableToTransfer, UnableToUseDesk
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import TicketView

Step = Callable[[Ticket, Rules, str], None]
"""Takes the ticket, the site's rules and the actor."""


def needs_of(desk_id: str) -> Needs:
    return Needs(aggregates=[(DeskSession, desk_id)])


async def _at_desk(
    desk_id: str, step: Step, *, uow: UnitOfWork, catalogue: Catalogue, releases: bool
) -> TicketView:
    post = catalogue.post(desk_id, uow.context.tenant)
    session = await uow.find(DeskSession, desk_id)
    if session is None:
        raise UnableToUseDesk("desk_closed")
    ticket = await uow.get(Ticket, session.active_ticket())
    step(ticket, catalogue.rules(post.site.id), uow.context.actor)
    if releases:
        session.release()
    return TicketView.of(ticket)


async def recall(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> TicketView:
    def step(ticket: Ticket, rules: Rules, actor: str) -> None:
        ticket.recall(rules, actor=actor, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=False)


async def start(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> TicketView:
    def step(ticket: Ticket, _: Rules, actor: str) -> None:
        ticket.start(actor=actor, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=False)


async def finish(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> TicketView:
    def step(ticket: Ticket, _: Rules, actor: str) -> None:
        ticket.finish(actor=actor, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=True)


async def hold(
    desk_id: str, reason: str | None, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> TicketView:
    def step(ticket: Ticket, _: Rules, actor: str) -> None:
        ticket.hold(actor=actor, reason=reason, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=True)


async def await_pickup(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> TicketView:
    def step(ticket: Ticket, _: Rules, actor: str) -> None:
        ticket.await_pickup(actor=actor, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=True)


async def return_to_queue(
    desk_id: str, reason: str | None, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> TicketView:
    def step(ticket: Ticket, rules: Rules, actor: str) -> None:
        ticket.return_to_queue(rules, actor=actor, reason=reason, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=True)


async def mark_missed(desk_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> TicketView:
    def step(ticket: Ticket, rules: Rules, actor: str) -> None:
        ticket.mark_missed(rules, actor=actor, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=True)


async def transfer(
    desk_id: str, service_id: str, reason: str | None, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> TicketView:
    """On to another service of the same site. Raises UnableToTransfer (other_site)."""
    offering = catalogue.offering(service_id, uow.context.tenant)
    if offering.site.id != catalogue.post(desk_id, uow.context.tenant).site.id:
        raise UnableToTransfer("other_site", field="service_id")

    def step(ticket: Ticket, _: Rules, actor: str) -> None:
        ticket.transfer(offering, actor=actor, reason=reason, at=at)

    return await _at_desk(desk_id, step, uow=uow, catalogue=catalogue, releases=True)
