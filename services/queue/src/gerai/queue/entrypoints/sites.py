"""The office: which services give numbers now, closing and reopening them, and the rules of a site."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Body, Depends, Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes
from gerai.chassis.commands import version_expected
from gerai.chassis.links import VERSION_READ, ResponseLink, asked
from gerai.contracts.text import Id, Slug
from gerai.messaging.refusal import UnableToFind
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import DEFAULTS, UnableToChangeRules
from gerai.queue.domain.service_day import UnableToCloseService, UnableToReopenService
from gerai.queue.entrypoints.bodies import NO_REASON, ReasonBody, RulesBody
from gerai.queue.entrypoints.permissions import CLOSE_SERVICE, RULES, SHOW
from gerai.queue.use_cases.change_site_rules import change_site_rules, show_site_rules
from gerai.queue.use_cases.close_service import close_service, reopen_service
from gerai.queue.use_cases.show_availability import show_availability
from gerai.queue.use_cases.views import RulesView, ServiceDayView

CLOSE, REOPEN = (
    ResponseLink(to=operation, given={"service_id": asked("service_id")})
    for operation in ("closeService", "reopenService")
)
CHANGE_RULES = ResponseLink(to="changeRules", given={"site_id": asked("site_id"), "If-Match": VERSION_READ})
SiteId = Annotated[Slug, Path(examples=["muna-barat-mpp"])]
ServiceId = Annotated[Id, Path(examples=["dpmptsp-izin-penelitian"])]
RulesOf = Annotated[RulesBody, Body(openapi_examples={"usual": {"value": DEFAULTS.model_dump(mode="json")}})]
RulesSeen = Annotated[int, Depends(version_expected('"0"'))]
"""Rules that nobody has changed yet have the version 0."""


def routes(catalogue: Callable[[], Catalogue]) -> Routes:
    """Under /v1/sites and /v1/services."""
    office = Routes(tag="office", prefix="/v1")
    _add_services(office, catalogue)
    _add_rules(office, catalogue)
    return office


def _add_services(office: Routes, catalogue: Callable[[], Catalogue]) -> None:
    @office.get(
        "/sites/{site_id}/availability",
        permission=SHOW,
        summary="Show which services of a site give numbers now",
        operation_id="showAvailability",
        refuses=(UnableToFind,),
    )
    async def availability(site_id: SiteId, queries: QueriesOf) -> list[ServiceDayView]:
        """Each service of the site with the answer that a visitor would get now."""
        return await show_availability(site_id, uow=queries.uow, at=queries.now(), catalogue=catalogue())

    @office.post(
        "/services/{service_id}/close",
        permission=CLOSE_SERVICE,
        summary="Give no more numbers of a service today",
        operation_id="closeService",
        response_model=ServiceDayView,
        refuses=(UnableToFind, UnableToCloseService),
        links={"reopenService": REOPEN},
    )
    async def close(service_id: ServiceId, commands: CommandsOf, body: ReasonBody = NO_REASON) -> Response:
        """Who holds a number is still served."""
        return await commands.run(close_service, service_id, reason=body.reason, catalogue=catalogue())

    @office.post(
        "/services/{service_id}/reopen",
        permission=CLOSE_SERVICE,
        summary="Give numbers of a closed service again",
        operation_id="reopenService",
        response_model=ServiceDayView,
        refuses=(UnableToFind, UnableToReopenService),
        links={"closeService": CLOSE},
    )
    async def reopen(service_id: ServiceId, commands: CommandsOf) -> Response:
        return await commands.run(reopen_service, service_id, catalogue=catalogue())


def _add_rules(office: Routes, catalogue: Callable[[], Catalogue]) -> None:
    @office.get(
        "/sites/{site_id}/rules",
        permission=SHOW,
        summary="Show how a site calls its visitors",
        operation_id="showRules",
        response_model=RulesView,
        refuses=(UnableToFind,),
        links={"changeRules": CHANGE_RULES},
    )
    async def look(site_id: SiteId, queries: QueriesOf) -> Response:
        view = await show_site_rules(site_id, uow=queries.uow, catalogue=catalogue())
        headers = {"ETag": f'"{view.version}"'}
        return Response(view.model_dump_json(), media_type="application/json", headers=headers)

    @office.put(
        "/sites/{site_id}/rules",
        permission=RULES,
        summary="Replace the rules of a site",
        operation_id="changeRules",
        response_model=RulesView,
        refuses=(UnableToFind, UnableToChangeRules),
        links={"changeRules": CHANGE_RULES},
    )
    async def change(site_id: SiteId, body: RulesOf, seen: RulesSeen, commands: CommandsOf) -> Response:
        """Other processes follow within half a second."""
        return await commands.run(change_site_rules, site_id, body.rules(), seen=seen, catalogue=catalogue())
