"""Officers at their desks."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, House, QueriesOf, Routes
from gerai.queue.entrypoints.permissions import WORK
from gerai.queue.entrypoints.shapes import ReasonBody, ResumeBody, TransferBody
from gerai.queue.use_cases import call_next, change_desk, work_at_desk
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import DeskView, TicketView

DeskId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
UseCase = Callable[..., Awaitable[Any]]


def routes(house: House, catalogue: Catalogue) -> Routes:
    """Under /v1/desks. Every step answers with the ticket or the desk as it is then."""
    desks = Routes(tag="desks", prefix="/v1/desks")

    async def run(commands: CommandsOf, use_case: UseCase, desk_id: str, *more: object) -> Response:
        bound = partial(use_case, desk_id, *more, catalogue=catalogue, at=house.clock.now())
        return await commands.run(lambda uow: bound(uow=uow), needs=work_at_desk.needs_of(desk_id))

    @desks.get("/{desk_id}", permission=WORK)
    async def look(desk_id: DeskId, queries: QueriesOf) -> DeskView:
        return await change_desk.look_at_desk(desk_id, uow=queries.uow, catalogue=catalogue)

    @desks.post("/{desk_id}/call-next", permission=WORK, response_model=TicketView)
    async def call(desk_id: DeskId, commands: CommandsOf) -> Response:
        """Call whoever is next. 409 nobody_waiting, desk_busy, desk_closed."""
        at = house.clock.now()
        needs = call_next.needs_of(desk_id, catalogue=catalogue, tenant=commands.context.tenant, at=at)
        bound = partial(call_next.call_next, desk_id, catalogue=catalogue, at=at)
        return await commands.run(lambda uow: bound(uow=uow), needs=needs)

    def plain(name: str, use_case: UseCase, view: type[TicketView] | type[DeskView], words: str) -> None:
        async def step(desk_id: DeskId, commands: CommandsOf) -> Response:
            return await run(commands, use_case, desk_id)

        options = {"response_model": view, "name": name, "description": words}
        desks.post(f"/{{desk_id}}/{name}", permission=WORK, **options)(step)

    def with_reason(name: str, use_case: UseCase, words: str) -> None:
        async def step(desk_id: DeskId, body: ReasonBody, commands: CommandsOf) -> Response:
            return await run(commands, use_case, desk_id, body.reason)

        options = {"response_model": TicketView, "name": name, "description": words}
        desks.post(f"/{{desk_id}}/{name}", permission=WORK, **options)(step)

    plain("open", change_desk.open_desk, DeskView, "The officer sits down at the desk.")
    plain("close", change_desk.close_desk, DeskView, "The officer leaves; not while a ticket is at the desk.")
    plain("recall", work_at_desk.recall, TicketView, "Call the same ticket again.")
    plain("start", work_at_desk.start, TicketView, "The visitor is here.")
    plain("finish", work_at_desk.finish, TicketView, "Served.")
    plain("await-pickup", work_at_desk.await_pickup, TicketView, "Served; something must still be fetched.")
    plain("no-show", work_at_desk.mark_missed, TicketView, "Nobody came, after enough calls.")
    with_reason("hold", work_at_desk.hold, "Put the ticket aside.")
    with_reason("return", work_at_desk.return_to_queue, "Back to the waiting, at the old place.")

    @desks.post("/{desk_id}/transfer", permission=WORK, response_model=TicketView)
    async def transfer(desk_id: DeskId, body: TransferBody, commands: CommandsOf) -> Response:
        """On to another service of the site."""
        return await run(commands, work_at_desk.transfer, desk_id, body.service_id, body.reason)

    @desks.post("/{desk_id}/resume", permission=WORK, response_model=TicketView)
    async def resume(desk_id: DeskId, body: ResumeBody, commands: CommandsOf) -> Response:
        """Take a held ticket, or one that awaits its pickup, back to this desk."""
        return await run(commands, change_desk.resume, desk_id, body.ticket_id)

    return desks
