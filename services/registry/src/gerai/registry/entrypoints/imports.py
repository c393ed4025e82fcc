"""Bulk import: one file, checked as a whole, written in parts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gerai.chassis.bodies import JsonBody
from gerai.chassis.commands import CommandsOf, Queries, QueriesOf
from gerai.chassis.parts import Plan, Unfinished
from gerai.chassis.problems import Problem
from gerai.chassis.routes import Routes
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.institution import WarningRule
from gerai.registry.entrypoints.import_rows import ImportBody, reading
from gerai.registry.entrypoints.one_by_one import OneByOne, TooManyAtOnce
from gerai.registry.entrypoints.permissions import CHANGE_REGISTER
from gerai.registry.entrypoints.taken_ids import note_foreign_ids
from gerai.registry.use_cases.import_entries import (
    ImportReport,
    ImportRows,
    Rehearsal,
    UnableToFinishImport,
    UnableToImport,
    import_part,
    rehearse_import,
)
from gerai.registry.use_cases.take_rows import SLICE

PATH = "/v1/imports"
BODY_LIMIT = 2 * 1024 * 1024
DryRun = Annotated[bool, Query(description="Only say what would change; nothing is written.")]


class ImportPlan(Plan):
    unchanged: int
    """Rows that state what stands already."""


@dataclass(frozen=True, kw_only=True)
class Import:
    """One file, at one moment. Implements `InParts`."""

    read: ImportRows
    queries: Queries
    at: datetime
    rule: WarningRule
    plan_type: type[ImportPlan] = ImportPlan
    view_type: type[ImportReport] = ImportReport

    async def rehearse(self) -> Rehearsal:
        return await rehearse_import(
            self.read, uow=self.queries.uow, at=self.at, rule=self.rule, pause=breathe
        )

    async def plan(self) -> ImportPlan:
        rehearsal = await self.rehearse()
        parts = tuple(tuple(part) for part in rehearsal.parts)
        return ImportPlan(parts=parts, unchanged=rehearsal.report.unchanged)

    async def take(self, plan: ImportPlan, number: int, *, uow: UnitOfWork) -> ImportReport:
        return await import_part(self.read, plan.parts[number], uow=uow, at=self.at, rule=self.rule)

    def whole(self, plan: ImportPlan, taken: Sequence[ImportReport]) -> ImportReport:
        """In the order of the file."""
        places = {(row.kind.section, row.id): place for place, row in enumerate(self.read.rows)}
        entries = [entry for report in taken for entry in report.entries]
        entries.sort(key=lambda entry: places[entry.section, entry.id])
        return ImportReport.of(entries, unchanged=plan.unchanged + sum(one.unchanged for one in taken))


async def breathe() -> None:
    """Other requests come first."""
    await asyncio.sleep(0)


def routes(rule: WarningRule) -> Routes:
    group = Routes(tag="imports")
    one_by_one = OneByOne()

    @group.post(
        PATH,
        permission=CHANGE_REGISTER,
        body=JsonBody(limit=BODY_LIMIT),
        summary="Import many entries, all or nothing",
        operation_id="importEntries",
        response_model=ImportReport,
        refuses=(UnableToImport, UnableToFinishImport),
    )
    async def take(
        body: ImportBody, commands: CommandsOf, queries: QueriesOf, dry_run: DryRun = False
    ) -> Response:
        """All rows are checked before the first is written: where one is bad, each bad row is named (422) and nothing is
        written. Then they are written in parts of 25 in an order that keeps the register sound after each part; readers
        see the parts as they come. The answer comes when all are written. Whoever gets no answer repeats the request with
        its `Idempotency-Key`: it goes on behind the last part that was written. Where somebody has changed the
        register meanwhile so that a row does not fit any more, the answer is 409 `import_unfinished`: the parts
        before it are written (`details.rows_written`), and the same request with the same key goes on, once what its
        errors name is mended.
        """
        tenant = queries.uow.context.tenant
        try:
            async with one_by_one.turn(tenant):
                asked = Import(read=await _read(body), queries=queries, at=queries.now(), rule=rule)
                if not dry_run:
                    return await commands.run_in_parts(asked)
                # Not kept under the idempotency key, so that the same key can be used for the import itself.
                report = (await asked.rehearse()).report
        except TooManyAtOnce:
            raise Problem(429, "too_many_requests", headers={"Retry-After": "10"}) from None
        except UnableToImport as refusal:
            # All of them are other regencies': an entry of the caller's own is changed, not registered.
            if count := refusal.bad.codes["id_taken"]:
                note_foreign_ids(tenant=tenant, count=count, through="rehearsal" if dry_run else "import")
            raise
        except Unfinished as unfinished:
            raise UnableToFinishImport(unfinished.refusal, rows_written=unfinished.rows_written) from None
        return Response(report.model_dump_json(), media_type="application/json")

    return group


async def _read(body: ImportBody) -> ImportRows:
    read = ImportRows()
    for number, _ in enumerate(reading(body, read)):
        if number % SLICE == 0:
            await breathe()
    return read
