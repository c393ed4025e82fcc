"""Bulk import: one file, all or nothing."""

from typing import Annotated

import structlog
from fastapi import Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from gerai.chassis.commands import CommandsOf, QueriesOf
from gerai.chassis.house import House
from gerai.chassis.problems import language, problem
from gerai.chassis.routes import Routes
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.institution import WarningRule
from gerai.registry.entrypoints.import_rows import ImportBody, read_rows
from gerai.registry.entrypoints.permissions import CHANGE_REGISTER
from gerai.registry.use_cases.import_entries import ImportReport, UnableToImport, import_entries

log = structlog.get_logger(__name__)

PATH = "/v1/imports"
BODY_LIMIT = 2 * 1024 * 1024
DryRun = Annotated[bool, Query(description="Only say what would change; nothing is written.")]


def routes(house: House, rule: WarningRule) -> Routes:
    group = Routes(tag="imports")

    @group.post(
        PATH,
        permission=CHANGE_REGISTER,
        summary="Import many entries, all or nothing",
        response_model=ImportReport,
    )
    async def take(
        body: ImportBody, request: Request, commands: CommandsOf, queries: QueriesOf, dry_run: DryRun = False
    ) -> Response:
        at = house.clock.now()
        read = read_rows(body)

        async def do(uow: UnitOfWork) -> BaseModel:
            return await import_entries(read, dry_run=dry_run, uow=uow, at=at, rule=rule)

        try:
            if not dry_run:
                return await commands.run(do)
            # A rehearsal on a unit of work that nobody saves. It is not kept under the idempotency key either,
            # so that the same key can be used for the import itself.
            report = await do(queries.uow)
        except UnableToImport as refusal:
            _note_taken_ids(refusal, queries.uow.context.tenant, dry_run=dry_run)
            return _named_rows(request, refusal)
        return Response(report.model_dump_json(), media_type="application/json")

    return group


def _note_taken_ids(refusal: UnableToImport, tenant: str | None, *, dry_run: bool) -> None:
    """An id is used once in the whole platform, so a registrar who asks for another regency's must be told to choose
    another, here in the same words as when registering a single one. Whoever only wants to learn which ids others
    have could ask for thousands, and a refused import writes nothing: the log is the trace of it."""
    if count := refusal.bad.codes["id_taken"]:
        log.warning("ids-of-another-regency-asked-for", tenant=tenant, count=count, dry_run=dry_run)


def _named_rows(request: Request, refusal: UnableToImport) -> Response:
    """The refusal with every bad row, in the form of the house's other faults; `details.count` counts all of them."""
    spoken = language(request)
    errors = [
        {"code": row.code, "field": row.path, "text": row.sentence.spoken(spoken)}
        for row in refusal.bad.named
    ]
    return problem(request, 422, refusal.code, refusal.text(spoken), details=refusal.details, errors=errors)
