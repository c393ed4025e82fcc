"""An office's rules and templates."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes
from gerai.chassis.bodies import JsonBody
from gerai.notification.domain.rule_book import UnableToImport
from gerai.notification.entrypoints.permissions import DEFINE
from gerai.notification.use_cases.import_definitions import Definitions, Imported, import_definitions

BODY_LIMIT = 1024 * 1024
DryRun = Annotated[bool, Query(description="Only say what would change; nothing is written.")]


def routes(own_addresses: tuple[str, ...]) -> Routes:
    """Under /v1/definitions."""
    group = Routes(tag="definitions", prefix="/v1/definitions")

    @group.post(
        "",
        permission=DEFINE,
        body=JsonBody(limit=BODY_LIMIT),
        summary="Replace all rules and templates",
        operation_id="importDefinitions",
        response_model=Imported,
        refuses=(UnableToImport,),
    )
    async def replace(
        body: Definitions, commands: CommandsOf, queries: QueriesOf, dry_run: DryRun = False
    ) -> Response:
        """All is checked before anything changes, and all that is wrong is named at once. What is worded as before keeps
        its version; what waits to be sent keeps its words."""
        if dry_run:
            rehearsed = await import_definitions(
                queries.uow, commands.now(), body, own_addresses=own_addresses
            )
            return Response(rehearsed.model_dump_json(), media_type="application/json")
        return await commands.run(import_definitions, body, own_addresses=own_addresses)

    return group
