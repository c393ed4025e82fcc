"""The office: which services give numbers now, closing and reopening them, and the rules of a site."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, House, IfMatch, QueriesOf, Routes
from gerai.chassis.text import Id
from gerai.queue.domain.rules import Rules
from gerai.queue.entrypoints.permissions import CLOSE_SERVICE, RULES, SHOW
from gerai.queue.entrypoints.shapes import ReasonBody
from gerai.queue.use_cases.change_rules import RulesView, look_at_rules, replace_rules
from gerai.queue.use_cases.change_service_day import (
    ServiceDayView,
    close_service,
    look_at_services,
    reopen_service,
)
from gerai.queue.use_cases.ports import Catalogue

SiteId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


def routes(house: House, catalogue: Catalogue) -> Routes:
    """Under /v1/sites and /v1/services."""
    office = Routes(tag="office", prefix="/v1")

    @office.get("/sites/{site_id}/availability", permission=SHOW)
    async def availability(site_id: SiteId, queries: QueriesOf) -> list[ServiceDayView]:
        """Each service of the site with the answer that a visitor would get now."""
        return await look_at_services(site_id, uow=queries.uow, catalogue=catalogue, at=house.clock.now())

    @office.post("/services/{service_id}/close", permission=CLOSE_SERVICE, response_model=ServiceDayView)
    async def close(service_id: Id, body: ReasonBody, commands: CommandsOf) -> Response:
        """No more numbers today; who holds one is still served."""
        at = house.clock.now()
        return await commands.run(
            lambda uow: close_service(service_id, body.reason, uow=uow, catalogue=catalogue, at=at)
        )

    @office.post("/services/{service_id}/reopen", permission=CLOSE_SERVICE, response_model=ServiceDayView)
    async def reopen(service_id: Id, commands: CommandsOf) -> Response:
        at = house.clock.now()
        return await commands.run(lambda uow: reopen_service(service_id, uow=uow, catalogue=catalogue, at=at))

    @office.get("/sites/{site_id}/rules", permission=SHOW, response_model=RulesView)
    async def look(site_id: SiteId, queries: QueriesOf) -> Response:
        view = await look_at_rules(site_id, uow=queries.uow, catalogue=catalogue)
        return Response(
            view.model_dump_json(), media_type="application/json", headers={"ETag": f'"{view.version}"'}
        )

    @office.put("/sites/{site_id}/rules", permission=RULES, response_model=RulesView)
    async def replace(site_id: SiteId, body: Rules, expected: IfMatch, commands: CommandsOf) -> Response:
        """Replace all rules. Other processes follow within a second."""
        return await commands.run(
            lambda uow: replace_rules(site_id, body, expected=expected, uow=uow, catalogue=catalogue)
        )

    return office
