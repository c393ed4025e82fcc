"""Officers at their desks."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes, ServiceContext
from gerai.chassis.links import ResponseLink, answered, asked
from gerai.contracts.text import Slug
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.entrypoints.bodies import NO_REASON, ReasonBody, ResumeBody, TransferBody
from gerai.queue.entrypoints.moment import moment
from gerai.queue.entrypoints.permissions import WORK
from gerai.queue.entrypoints.tickets import REINSTATE_IT
from gerai.queue.use_cases.at_desk import what_the_desk_needs
from gerai.queue.use_cases.await_pickup import await_pickup
from gerai.queue.use_cases.call_next import call_next, what_calling_needs
from gerai.queue.use_cases.close_desk import close_desk
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.mark_no_show import mark_no_show
from gerai.queue.use_cases.open_desk import open_desk
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.recall_ticket import recall_ticket
from gerai.queue.use_cases.resume_ticket import resume_ticket, what_resuming_needs
from gerai.queue.use_cases.return_ticket import return_ticket
from gerai.queue.use_cases.show_desk import show_desk
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.transfer_ticket import transfer_ticket
from gerai.queue.use_cases.views import DeskState, DeskView, TicketView

DeskId = Annotated[Slug, Path(examples=["dpmptsp-loket-1"])]
STEPS_AFTER: dict[str, tuple[str, ...]] = {
    "look": ("open", "call-next"),
    "open": ("call-next", "close"),
    "close": ("open",),
    "call-next": ("recall", "start", "return", "no-show"),
    "recall": ("start", "return", "no-show"),
    "start": ("finish", "hold", "await-pickup"),
    "resume": ("start", "return", "no-show"),
    "hold": ("call-next", "close"),
    "finish": ("call-next", "close"),
    "return": ("call-next",),
    "no-show": ("call-next",),
    "await-pickup": ("call-next",),
    "transfer": ("call-next",),
}
"""What is done next at the same desk."""
CatalogueNow = Callable[[], Catalogue]
Step = Callable[..., Awaitable[Any]]


def _after(step: str) -> dict[str, ResponseLink]:
    at_desk = {"desk_id": asked("desk_id")}
    links = {
        name: ResponseLink(to=f"POST /v1/desks/{{desk_id}}/{name}", given=at_desk)
        for name in STEPS_AFTER[step]
    }
    if step in ("hold", "await-pickup"):
        body = {"ticket_id": answered("id")}
        links["resume"] = ResponseLink(to="POST /v1/desks/{desk_id}/resume", given=at_desk, body=body)
    if step == "no-show":
        links["reinstate"] = REINSTATE_IT
    if step != "look":
        links["look"] = ResponseLink(to="GET /v1/desks/{desk_id}", given=at_desk)
    return links


def routes(service_context: ServiceContext, catalogue: CatalogueNow, lines: Lines) -> Routes:
    """Under /v1/desks. Every step answers with the ticket or the desk as it is then."""
    desks = Routes(tag="desks", prefix="/v1/desks")

    @desks.get("/{desk_id}", permission=WORK, links=_after("look"))
    async def look(desk_id: DeskId, queries: QueriesOf) -> DeskView:
        return await show_desk(desk_id, uow=queries.uow, lines=lines, catalogue=catalogue())

    @desks.post("/{desk_id}/call-next", permission=WORK, response_model=TicketView, links=_after("call-next"))
    async def call(desk_id: DeskId, commands: CommandsOf) -> Response:
        """Call whoever is next. 409 nobody_waiting, desk_busy, desk_closed."""
        known = catalogue()
        needs = what_calling_needs(desk_id, catalogue=known, tenant=commands.context.tenant)
        use_case = partial(call_next, desk_id, at=moment(service_context), catalogue=known)
        return await commands.run(lambda uow: use_case(uow=uow), needs=needs)

    @desks.post("/{desk_id}/transfer", permission=WORK, response_model=TicketView, links=_after("transfer"))
    async def transfer(desk_id: DeskId, body: TransferBody, commands: CommandsOf) -> Response:
        """On to another service of the site; the number stays."""
        step = partial(transfer_ticket, service_id=body.service_id, reason=body.reason)
        return await _take(step, desk_id, commands, service_context, catalogue)

    @desks.post("/{desk_id}/resume", permission=WORK, response_model=TicketView, links=_after("resume"))
    async def resume(desk_id: DeskId, body: ResumeBody, commands: CommandsOf) -> Response:
        """Call a held ticket, or one that waits for its pickup, back to this desk."""
        needs = what_resuming_needs(desk_id, body.ticket_id)
        use_case = partial(
            resume_ticket,
            desk_id,
            ticket_id=body.ticket_id,
            at=moment(service_context),
            catalogue=catalogue(),
        )
        return await commands.run(lambda uow: use_case(uow=uow), needs=needs)

    _add_plain(desks, service_context, catalogue)
    _add_with_reason(desks, service_context, catalogue)
    return desks


def _add_plain(desks: Routes, service_context: ServiceContext, catalogue: CatalogueNow) -> None:
    steps: tuple[tuple[str, Step, type[DeskState | TicketView], str], ...] = (
        ("open", open_desk, DeskState, "The officer sits down at the desk."),
        ("close", close_desk, DeskState, "The officer leaves; not while a ticket is at the desk."),
        ("recall", recall_ticket, TicketView, "Call the same ticket again."),
        ("start", start_serving, TicketView, "The visitor is here."),
        ("finish", finish_ticket, TicketView, "Served."),
        (
            "no-show",
            mark_no_show,
            TicketView,
            "Nobody came, after enough calls; a pickup waits for its pickup again.",
        ),
    )
    for name, step, view, words in steps:
        _add_plain_step(desks, name, step, view, words, service_context, catalogue)


def _add_plain_step(
    desks: Routes,
    name: str,
    step: Step,
    view: type[DeskState | TicketView],
    words: str,
    service_context: ServiceContext,
    catalogue: CatalogueNow,
) -> None:
    async def take(desk_id: DeskId, commands: CommandsOf) -> Response:
        return await _take(step, desk_id, commands, service_context, catalogue)

    options = {"response_model": view, "name": name, "description": words, "links": _after(name)}
    desks.post(f"/{{desk_id}}/{name}", permission=WORK, **options)(take)


def _add_with_reason(desks: Routes, service_context: ServiceContext, catalogue: CatalogueNow) -> None:
    steps: tuple[tuple[str, Step, str], ...] = (
        ("hold", hold_ticket, "Put the ticket aside; the desk is free."),
        ("return", return_ticket, "Back into the line, at the old place."),
        ("await-pickup", await_pickup, "Served; something must still be fetched."),
    )
    for name, step, words in steps:
        _add_step_with_reason(desks, name, step, words, service_context, catalogue)


def _add_step_with_reason(
    desks: Routes, name: str, step: Step, words: str, service_context: ServiceContext, catalogue: CatalogueNow
) -> None:
    async def take(desk_id: DeskId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        return await _take(partial(step, reason=body.reason), desk_id, commands, service_context, catalogue)

    options = {"response_model": TicketView, "name": name, "description": words, "links": _after(name)}
    desks.post(f"/{{desk_id}}/{name}", permission=WORK, **options)(take)


async def _take(
    step: Step, desk_id: str, commands: CommandsOf, service_context: ServiceContext, catalogue: CatalogueNow
) -> Response:
    known = catalogue()
    needs = what_the_desk_needs(desk_id, catalogue=known, tenant=commands.context.tenant)
    use_case = partial(step, desk_id, at=moment(service_context), catalogue=known)
    return await commands.run(lambda uow: use_case(uow=uow), needs=needs)
