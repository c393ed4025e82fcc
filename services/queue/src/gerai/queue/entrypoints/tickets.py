"""Kiosks and staff: numbers are given, looked at, given up and brought back."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes, ServiceContext
from gerai.chassis.links import ResponseLink, answered
from gerai.contracts.text import Id
from gerai.messaging.group_commit import Needs
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket import Ticket
from gerai.queue.entrypoints.bodies import NO_REASON, TICKET_ID, ReasonBody
from gerai.queue.entrypoints.moment import moment
from gerai.queue.entrypoints.permissions import CANCEL, ISSUE, LOOK, REINSTATE
from gerai.queue.use_cases.cancel_ticket import cancel_ticket
from gerai.queue.use_cases.issue_ticket import IssueTicket, issue_ticket, what_issuing_needs
from gerai.queue.use_cases.reinstate_ticket import reinstate_ticket
from gerai.queue.use_cases.views import IssuedTicket, TicketView

READ_IT, CANCEL_IT, REINSTATE_IT = (
    ResponseLink(to=f"{method} /v1/tickets/{{ticket_id}}{step}", given={"ticket_id": answered("id")})
    for method, step in (("GET", ""), ("POST", "/cancel"), ("POST", "/reinstate"))
)
ISSUED = {
    "read": READ_IT,
    "cancel": CANCEL_IT,
    "visit": ResponseLink(to="GET /v1/visits/{link}", given={"link": answered("link")}),
    "cancel visit": ResponseLink(to="POST /v1/visits/{link}/cancel", given={"link": answered("link")}),
}
TicketId = Annotated[Id, Path(max_length=64, examples=[TICKET_ID])]


def routes(service_context: ServiceContext, catalogue: Callable[[], Catalogue]) -> Routes:
    """Under /v1/tickets."""
    tickets = Routes(tag="tickets", prefix="/v1/tickets")

    @tickets.post("", permission=ISSUE, status_code=201, response_model=IssuedTicket, links=ISSUED)
    async def issue(body: IssueTicket, commands: CommandsOf) -> Response:
        """Give a visitor the next number of a service. Repeat with the same Idempotency-Key as often as you like."""
        at, known = moment(service_context), catalogue()
        needs = what_issuing_needs(body, catalogue=known, tenant=commands.context.tenant, at=at)
        use_case = partial(issue_ticket, body, at=at, catalogue=known)
        return await commands.run(lambda uow: use_case(uow=uow), status=201, needs=needs)

    @tickets.get("/{ticket_id}", permission=LOOK, links={"cancel": CANCEL_IT})
    async def look(ticket_id: TicketId, queries: QueriesOf) -> TicketView:
        return TicketView.of(await queries.uow.get(Ticket, ticket_id))

    @tickets.post(
        "/{ticket_id}/cancel", permission=CANCEL, response_model=TicketView, links={"read": READ_IT}
    )
    async def cancel(ticket_id: TicketId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        """The office gives a place up."""
        use_case = partial(cancel_ticket, ticket_id, reason=body.reason, at=moment(service_context))
        return await commands.run(lambda uow: use_case(uow=uow), needs=_of(ticket_id))

    @tickets.post(
        "/{ticket_id}/reinstate", permission=REINSTATE, response_model=TicketView, links={"read": READ_IT}
    )
    async def reinstate(ticket_id: TicketId, commands: CommandsOf) -> Response:
        """The visitor missed the calls but came soon after."""
        use_case = partial(reinstate_ticket, ticket_id, at=moment(service_context), catalogue=catalogue())
        return await commands.run(lambda uow: use_case(uow=uow), needs=_of(ticket_id))

    return tickets


def _of(ticket_id: str) -> Needs:
    return Needs(aggregates=((Ticket, ticket_id),))
