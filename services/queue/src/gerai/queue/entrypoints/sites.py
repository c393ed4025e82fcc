"""The office: which services give numbers now, closing and reopening them, and the rules of a site."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import Body, Depends, Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes, ServiceContext
from gerai.chassis.commands import version_expected
from gerai.chassis.links import VERSION_READ, ResponseLink, asked
from gerai.contracts.text import Id, Slug
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import DEFAULTS
from gerai.queue.entrypoints.bodies import NO_REASON, ReasonBody, RulesBody
from gerai.queue.entrypoints.moment import moment
from gerai.queue.entrypoints.permissions import CLOSE_SERVICE, RULES, SHOW
from gerai.queue.use_cases.change_site_rules import change_site_rules, show_site_rules
from gerai.queue.use_cases.close_service import close_service, reopen_service
from gerai.queue.use_cases.show_availability import show_availability
from gerai.queue.use_cases.views import RulesView, ServiceDayView

CLOSE, REOPEN = (
    ResponseLink(to=f"POST /v1/services/{{service_id}}/{step}", given={"service_id": asked("service_id")})
    for step in ("close", "reopen")
)
CHANGE_RULES = ResponseLink(
    to="PUT /v1/sites/{site_id}/rules", given={"site_id": asked("site_id"), "If-Match": VERSION_READ}
)
SiteId = Annotated[Slug, Path(examples=["muna-barat-mpp"])]
ServiceId = Annotated[Id, Path(examples=["dpmptsp-izin-penelitian"])]
RulesOf = Annotated[RulesBody, Body(openapi_examples={"usual": {"value": DEFAULTS.model_dump(mode="json")}})]
RulesSeen = Annotated[int, Depends(version_expected('"0"'))]
"""Rules that nobody has changed yet have the version 0."""


def routes(service_context: ServiceContext, catalogue: Callable[[], Catalogue]) -> Routes:
    """Under /v1/sites and /v1/services."""
    office = Routes(tag="office", prefix="/v1")

    @office.get("/sites/{site_id}/availability", permission=SHOW)
    async def availability(site_id: SiteId, queries: QueriesOf) -> list[ServiceDayView]:
        """Each service of the site with the answer that a visitor would get now."""
        return await show_availability(
            site_id, uow=queries.uow, at=moment(service_context), catalogue=catalogue()
        )

    @office.post(
        "/services/{service_id}/close",
        permission=CLOSE_SERVICE,
        response_model=ServiceDayView,
        links={"reopen": REOPEN},
    )
    async def close(service_id: ServiceId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        """No more numbers today; who holds one is still served."""
        use_case = partial(
            close_service, service_id, reason=body.reason, at=moment(service_context), catalogue=catalogue()
        )
        return await commands.run(lambda uow: use_case(uow=uow))

    @office.post(
        "/services/{service_id}/reopen",
        permission=CLOSE_SERVICE,
        response_model=ServiceDayView,
        links={"close": CLOSE},
    )
    async def reopen(service_id: ServiceId, commands: CommandsOf) -> Response:
        use_case = partial(reopen_service, service_id, at=moment(service_context), catalogue=catalogue())
        return await commands.run(lambda uow: use_case(uow=uow))

    @office.get(
        "/sites/{site_id}/rules", permission=SHOW, response_model=RulesView, links={"change": CHANGE_RULES}
    )
    async def look(site_id: SiteId, queries: QueriesOf) -> Response:
        view = await show_site_rules(site_id, uow=queries.uow, catalogue=catalogue())
        headers = {"ETag": f'"{view.version}"'}
        return Response(view.model_dump_json(), media_type="application/json", headers=headers)

    @office.put(
        "/sites/{site_id}/rules", permission=RULES, response_model=RulesView, links={"change": CHANGE_RULES}
    )
    async def change(site_id: SiteId, body: RulesOf, seen: RulesSeen, commands: CommandsOf) -> Response:
        """Replace all rules. Other processes follow within half a second."""
        use_case = partial(change_site_rules, site_id, body.rules(), seen=seen, catalogue=catalogue())
        return await commands.run(lambda uow: use_case(uow=uow))

    return office
