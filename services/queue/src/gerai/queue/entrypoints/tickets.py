"""Kiosks and staff: numbers are given, looked at, given up and brought back."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes
from gerai.chassis.links import ResponseLink, answered
from gerai.contracts.text import Id
from gerai.messaging.refusal import UnableToFind
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket import Ticket
from gerai.queue.domain.ticket_refusals import (
    UnableToCancelTicket,
    UnableToIssueTicket,
    UnableToReinstateTicket,
)
from gerai.queue.entrypoints.bodies import NO_REASON, TICKET_ID, ReasonBody
from gerai.queue.entrypoints.permissions import CANCEL, ISSUE, LOOK, REINSTATE
from gerai.queue.use_cases.cancel_ticket import cancel_ticket
from gerai.queue.use_cases.issue_ticket import IssueTicket, issue_ticket
from gerai.queue.use_cases.reinstate_ticket import reinstate_ticket
from gerai.queue.use_cases.views import IssuedTicket, TicketView

SHOW_IT, CANCEL_IT, REINSTATE_IT = (
    ResponseLink(to=operation, given={"ticket_id": answered("id")})
    for operation in ("showTicket", "cancelTicket", "reinstateTicket")
)
BY_LINK = {"link": answered("link")}
AFTER_ISSUING = {
    "showTicket": SHOW_IT,
    "cancelTicket": CANCEL_IT,
    "showVisit": ResponseLink(to="showVisit", given=BY_LINK),
    "cancelVisit": ResponseLink(to="cancelVisit", given=BY_LINK),
}
TicketId = Annotated[Id, Path(max_length=64, examples=[TICKET_ID])]


def routes(catalogue: Callable[[], Catalogue]) -> Routes:
    """Under /v1/tickets."""
    tickets = Routes(tag="tickets", prefix="/v1/tickets")

    @tickets.post(
        "",
        permission=ISSUE,
        summary="Give a visitor the next number of a service",
        operation_id="issueTicket",
        status_code=201,
        response_model=IssuedTicket,
        refuses=(UnableToFind, UnableToIssueTicket),
        links=AFTER_ISSUING,
    )
    async def issue(body: IssueTicket, commands: CommandsOf) -> Response:
        """Repeat with the same Idempotency-Key as often as you like."""
        return await commands.run(issue_ticket, body, catalogue=catalogue())

    @tickets.get(
        "/{ticket_id}",
        permission=LOOK,
        summary="Show a ticket",
        operation_id="showTicket",
        refuses=(UnableToFind,),
        links={"cancelTicket": CANCEL_IT},
    )
    async def look(ticket_id: TicketId, queries: QueriesOf) -> TicketView:
        return TicketView.of(await queries.uow.get(Ticket, ticket_id))

    @tickets.post(
        "/{ticket_id}/cancel",
        permission=CANCEL,
        summary="Give a visitor's place up, as the office",
        operation_id="cancelTicket",
        response_model=TicketView,
        refuses=(UnableToFind, UnableToCancelTicket),
        links={"showTicket": SHOW_IT},
    )
    async def cancel(ticket_id: TicketId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        return await commands.run(cancel_ticket, ticket_id, reason=body.reason)

    @tickets.post(
        "/{ticket_id}/reinstate",
        permission=REINSTATE,
        summary="Put a visitor who missed the calls, but came soon after, back into the line",
        operation_id="reinstateTicket",
        response_model=TicketView,
        refuses=(UnableToFind, UnableToReinstateTicket),
        links={"showTicket": SHOW_IT},
    )
    async def reinstate(ticket_id: TicketId, commands: CommandsOf) -> Response:
        return await commands.run(reinstate_ticket, ticket_id, catalogue=catalogue())

    return tickets
