"""Kiosks and staff: numbers are given, looked at, given up and brought back."""

from functools import partial
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, House, QueriesOf, Routes
from gerai.messaging.group_commit import Needs
from gerai.queue.domain.ticket import Ticket
from gerai.queue.entrypoints.permissions import CHANGE, ISSUE, LOOK
from gerai.queue.entrypoints.shapes import IssueTicketBody, ReasonBody
from gerai.queue.use_cases import issue_ticket
from gerai.queue.use_cases.change_ticket import cancel_ticket, reinstate_ticket
from gerai.queue.use_cases.issue_ticket import IssueTicket
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import IssuedView, TicketView

TicketId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


def routes(house: House, catalogue: Catalogue) -> Routes:
    """Under /v1/tickets."""
    tickets = Routes(tag="tickets", prefix="/v1/tickets")

    @tickets.post("", permission=ISSUE, status_code=201, response_model=IssuedView)
    async def issue(body: IssueTicketBody, commands: CommandsOf) -> Response:
        """Give a visitor the next number of a service. Repeat with the same Idempotency-Key as often as you like."""
        at = house.clock.now()
        command = IssueTicket(
            service_id=body.service_id, priority_reason=body.priority_reason, party_id=body.party_id
        )
        needs = issue_ticket.needs_of(command, catalogue=catalogue, tenant=commands.context.tenant, at=at)
        use_case = partial(issue_ticket.issue_ticket, command, catalogue=catalogue, at=at)
        return await commands.run(lambda uow: use_case(uow=uow), status=201, needs=needs)

    @tickets.get("/{ticket_id}", permission=LOOK)
    async def look(ticket_id: TicketId, queries: QueriesOf) -> TicketView:
        return TicketView.of(await queries.uow.get(Ticket, ticket_id))

    @tickets.post("/{ticket_id}/cancel", permission=CHANGE, response_model=TicketView)
    async def cancel(ticket_id: TicketId, body: ReasonBody, commands: CommandsOf) -> Response:
        at = house.clock.now()
        return await commands.run(
            lambda uow: cancel_ticket(ticket_id, body.reason, uow=uow, at=at), needs=_of(ticket_id)
        )

    @tickets.post("/{ticket_id}/reinstate", permission=CHANGE, response_model=TicketView)
    async def reinstate(ticket_id: TicketId, commands: CommandsOf) -> Response:
        """The visitor missed the call but came in time."""
        at = house.clock.now()
        return await commands.run(
            lambda uow: reinstate_ticket(ticket_id, uow=uow, catalogue=catalogue, at=at), needs=_of(ticket_id)
        )

    return tickets


def _of(ticket_id: str) -> Needs:
    return Needs(aggregates=[(Ticket, ticket_id)])
