"""Officers at their desks."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes
from gerai.chassis.links import ResponseLink, answered, asked
from gerai.contracts.text import Slug
from gerai.messaging.refusal import UnableToFind
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import UnableToUseDesk
from gerai.queue.domain.line import UnableToCallNext
from gerai.queue.domain.ticket_refusals import (
    UnableToAwaitPickup,
    UnableToCallTicket,
    UnableToFinishTicket,
    UnableToHoldTicket,
    UnableToMarkTicketMissed,
    UnableToRecallTicket,
    UnableToResumeTicket,
    UnableToReturnTicket,
    UnableToStartTicket,
    UnableToTransferTicket,
)
from gerai.queue.entrypoints.bodies import NO_REASON, ReasonBody, ResumeBody, TransferBody
from gerai.queue.entrypoints.permissions import WORK
from gerai.queue.entrypoints.tickets import REINSTATE_IT
from gerai.queue.use_cases.await_pickup import await_pickup
from gerai.queue.use_cases.call_next import call_next
from gerai.queue.use_cases.close_desk import close_desk
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.mark_no_show import mark_no_show
from gerai.queue.use_cases.open_desk import open_desk
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.recall_ticket import recall_ticket
from gerai.queue.use_cases.resume_ticket import resume_ticket
from gerai.queue.use_cases.return_ticket import return_ticket
from gerai.queue.use_cases.show_desk import show_desk
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.transfer_ticket import transfer_ticket
from gerai.queue.use_cases.views import DeskState, DeskView, TicketView

DeskId = Annotated[Slug, Path(examples=["dpmptsp-loket-1"])]
CatalogueNow = Callable[[], Catalogue]

AT_DESK = {"desk_id": asked("desk_id")}
LOOK = {"showDesk": ResponseLink(to="showDesk", given=AT_DESK)}
RESUME_IT = {
    "resumeTicket": ResponseLink(to="resumeTicket", given=AT_DESK, body={"ticket_id": answered("id")})
}
NO_DESK = (UnableToFind, UnableToUseDesk)
"""What every step at a desk refuses by."""


def routes(catalogue: CatalogueNow, lines: Lines) -> Routes:
    """Under /v1/desks. Every step answers with the ticket or the desk as it is then."""
    desks = Routes(tag="desks", prefix="/v1/desks")
    _add_desk(desks, catalogue, lines)
    _add_calling(desks, catalogue)
    _add_serving(desks, catalogue)
    _add_putting_aside(desks, catalogue)
    return desks


def _then(*steps: str) -> dict[str, ResponseLink]:
    """What is done next at the same desk."""
    return LOOK | {step: ResponseLink(to=step, given=AT_DESK) for step in steps}


def _add_desk(desks: Routes, catalogue: CatalogueNow, lines: Lines) -> None:
    @desks.get(
        "/{desk_id}",
        permission=WORK,
        summary="Show a desk, its ticket, its line and what is put aside",
        operation_id="showDesk",
        refuses=(UnableToFind,),
        links={step: ResponseLink(to=step, given=AT_DESK) for step in ("openDesk", "callNext")},
    )
    async def look(desk_id: DeskId, queries: QueriesOf) -> DeskView:
        return await show_desk(desk_id, uow=queries.uow, lines=lines, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/open",
        permission=WORK,
        summary="Begin work at a desk",
        operation_id="openDesk",
        response_model=DeskState,
        refuses=NO_DESK,
        links=_then("callNext", "closeDesk"),
    )
    async def begin(desk_id: DeskId, commands: CommandsOf) -> Response:
        return await commands.run(open_desk, desk_id, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/close",
        permission=WORK,
        summary="End work at a desk",
        operation_id="closeDesk",
        response_model=DeskState,
        refuses=NO_DESK,
        links=_then("openDesk"),
    )
    async def end(desk_id: DeskId, commands: CommandsOf) -> Response:
        """Not while a ticket is at the desk."""
        return await commands.run(close_desk, desk_id, catalogue=catalogue())


def _add_calling(desks: Routes, catalogue: CatalogueNow) -> None:
    @desks.post(
        "/{desk_id}/call-next",
        permission=WORK,
        summary="Call whoever is next to this desk",
        operation_id="callNext",
        response_model=TicketView,
        refuses=(UnableToCallNext, UnableToCallTicket, *NO_DESK),
        links=_then("recallTicket", "startServing", "returnTicket", "markNoShow"),
    )
    async def call(desk_id: DeskId, commands: CommandsOf) -> Response:
        return await commands.run(call_next, desk_id, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/recall",
        permission=WORK,
        summary="Call the same ticket again",
        operation_id="recallTicket",
        response_model=TicketView,
        refuses=(UnableToRecallTicket, *NO_DESK),
        links=_then("startServing", "returnTicket", "markNoShow"),
    )
    async def recall(desk_id: DeskId, commands: CommandsOf) -> Response:
        return await commands.run(recall_ticket, desk_id, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/resume",
        permission=WORK,
        summary="Call a ticket back to this desk that was held, or that waits for its pickup",
        operation_id="resumeTicket",
        response_model=TicketView,
        refuses=(UnableToResumeTicket, *NO_DESK),
        links=_then("startServing", "returnTicket", "markNoShow"),
    )
    async def resume(desk_id: DeskId, body: ResumeBody, commands: CommandsOf) -> Response:
        return await commands.run(resume_ticket, desk_id, ticket_id=body.ticket_id, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/no-show",
        permission=WORK,
        summary="Note that nobody came, after enough calls",
        operation_id="markNoShow",
        response_model=TicketView,
        refuses=(UnableToMarkTicketMissed, *NO_DESK),
        links=_then("callNext") | {"reinstateTicket": REINSTATE_IT},
    )
    async def miss(desk_id: DeskId, commands: CommandsOf) -> Response:
        """A pickup waits for its pickup again."""
        return await commands.run(mark_no_show, desk_id, catalogue=catalogue())


def _add_serving(desks: Routes, catalogue: CatalogueNow) -> None:
    @desks.post(
        "/{desk_id}/start",
        permission=WORK,
        summary="Begin to serve the visitor, who is here",
        operation_id="startServing",
        response_model=TicketView,
        refuses=(UnableToStartTicket, *NO_DESK),
        links=_then("finishTicket", "holdTicket", "awaitPickup"),
    )
    async def start(desk_id: DeskId, commands: CommandsOf) -> Response:
        return await commands.run(start_serving, desk_id, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/finish",
        permission=WORK,
        summary="Finish with the visitor, who is served",
        operation_id="finishTicket",
        response_model=TicketView,
        refuses=(UnableToFinishTicket, *NO_DESK),
        links=_then("callNext", "closeDesk"),
    )
    async def finish(desk_id: DeskId, commands: CommandsOf) -> Response:
        return await commands.run(finish_ticket, desk_id, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/transfer",
        permission=WORK,
        summary="Send the visitor on to another service of the site",
        operation_id="transferTicket",
        response_model=TicketView,
        refuses=(UnableToTransferTicket, *NO_DESK),
        links=_then("callNext"),
    )
    async def transfer(desk_id: DeskId, body: TransferBody, commands: CommandsOf) -> Response:
        """The number stays."""
        return await commands.run(
            transfer_ticket, desk_id, service_id=body.service_id, reason=body.reason, catalogue=catalogue()
        )


def _add_putting_aside(desks: Routes, catalogue: CatalogueNow) -> None:
    @desks.post(
        "/{desk_id}/hold",
        permission=WORK,
        summary="Put the ticket aside",
        operation_id="holdTicket",
        response_model=TicketView,
        refuses=(UnableToHoldTicket, *NO_DESK),
        links=_then("callNext", "closeDesk") | RESUME_IT,
    )
    async def hold(desk_id: DeskId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        """The desk is free then."""
        return await commands.run(hold_ticket, desk_id, reason=body.reason, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/return",
        permission=WORK,
        summary="Send the called ticket back into the line, to its old place",
        operation_id="returnTicket",
        response_model=TicketView,
        refuses=(UnableToReturnTicket, *NO_DESK),
        links=_then("callNext"),
    )
    async def send_back(desk_id: DeskId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        return await commands.run(return_ticket, desk_id, reason=body.reason, catalogue=catalogue())

    @desks.post(
        "/{desk_id}/await-pickup",
        permission=WORK,
        summary="Let the served visitor come back for what must still be fetched",
        operation_id="awaitPickup",
        response_model=TicketView,
        refuses=(UnableToAwaitPickup, *NO_DESK),
        links=_then("callNext") | RESUME_IT,
    )
    async def leave_for_pickup(
        desk_id: DeskId, commands: CommandsOf, body: ReasonBody = NO_REASON
    ) -> Response:
        return await commands.run(await_pickup, desk_id, reason=body.reason, catalogue=catalogue())
