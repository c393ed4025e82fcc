"""The same five routes for every kind of entry: register, read, list, replace, withdraw."""

from typing import Annotated, Any

from fastapi import Body, Path, Query
from pydantic import BaseModel
from starlette.responses import Response

from gerai.chassis.commands import CommandsOf, IfMatch
from gerai.chassis.links import VERSION_READ, ResponseLink, answered, asked
from gerai.chassis.pages import Page, cursor_after, id_before
from gerai.chassis.routes import CallerOf, Routes
from gerai.chassis.service_context import ServiceContext
from gerai.contracts.text import Id
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import UnableToTakeId
from gerai.registry.domain.institution import WarningRule
from gerai.registry.entrypoints.permissions import CHANGE_REGISTER, READ_REGISTER
from gerai.registry.entrypoints.shapes import SECTIONS, Listing, Section
from gerai.registry.entrypoints.taken_ids import note_foreign_ids
from gerai.registry.use_cases.list_entries import list_entries
from gerai.registry.use_cases.read_entry import read_entry
from gerai.registry.use_cases.register_entry import register_entry
from gerai.registry.use_cases.replace_entry import replace_entry
from gerai.registry.use_cases.withdraw_entry import withdraw_entry


def _id_like(example: str) -> Any:
    return Annotated[Id, Path(max_length=80, description="The entry's id.", examples=[example])]


def _entry(section: Section[Any], *, id: str) -> dict[str, ResponseLink]:
    """What can be done with one entry. `id`: where it is told."""
    address = f"/v1/{section.name}/{{id}}"
    versioned = {"id": id, "If-Match": VERSION_READ}
    return {
        "read": ResponseLink(to=f"GET {address}", given={"id": id}),
        "replace": ResponseLink(to=f"PUT {address}", given=versioned),
        "withdraw": ResponseLink(to=f"DELETE {address}", given=versioned),
    }


def routes(service_context: ServiceContext, rule: WarningRule) -> list[Routes]:
    """One group of routes for each kind of entry."""
    return [_routes_of(section, service_context, rule) for section in SECTIONS]


def _routes_of(section: Section[Any], service_context: ServiceContext, rule: WarningRule) -> Routes:
    group = Routes(tag=section.name, prefix=f"/v1/{section.name}")
    _add_reading(group, section, service_context)
    _add_registering(group, section, service_context, rule)
    _add_changing(group, section, service_context, rule)
    return group


def _add_reading(group: Routes, section: Section[Any], service_context: ServiceContext) -> None:
    listing: Any = Annotated[section.listing, Query()]
    standing: Any = _id_like(section.standing)

    @group.get(
        "/{id}",
        permission=READ_REGISTER,
        summary=f"Read one {section.kind.word}",
        links=_entry(section, id=asked("id")),
        response_model=section.view,
    )
    async def read(id: standing, caller: CallerOf) -> Response:
        entry = await read_entry(section.kind, id, tenant=caller.tenant, storage=service_context.storage)
        body = section.shown(entry).model_dump_json()
        return Response(body, headers={"ETag": f'"{entry.version}"'}, media_type="application/json")

    @group.get(
        "",
        permission=READ_REGISTER,
        summary=f"List {section.name}, in the order of their ids",
        response_model=Page[section.view],  # type: ignore[name-defined]
    )
    async def show(caller: CallerOf, asked: listing) -> Page[BaseModel]:
        assert isinstance(asked, Listing)
        found = await list_entries(
            section.kind,
            tenant=caller.tenant,
            where=asked.where,
            after=id_before(asked.cursor),
            limit=asked.limit,
            storage=service_context.storage,
        )
        following = cursor_after(found.next_after) if found.next_after is not None else None
        return Page(items=tuple(section.shown(entry) for entry in found.entries), next=following)


def _add_registering(
    group: Routes, section: Section[Any], service_context: ServiceContext, rule: WarningRule
) -> None:
    row_type: Any = section.row

    @group.post(
        "",
        permission=CHANGE_REGISTER,
        summary=f"Register a new {section.kind.word}",
        links=_entry(section, id=answered("id")),
        response_model=section.view,
        status_code=201,
    )
    async def register(row: row_type, caller: CallerOf, commands: CommandsOf) -> Response:
        at = service_context.clock.now()

        async def do(uow: UnitOfWork) -> BaseModel:
            facts = section.stated(row)
            return section.shown(await register_entry(section.kind, row.id, facts, uow=uow, at=at, rule=rule))

        try:
            return await commands.run(do, status=201)
        except UnableToTakeId as refusal:
            if refusal.of_another_regency:
                note_foreign_ids(tenant=caller.tenant, count=1, through="register")
            raise


def _add_changing(
    group: Routes, section: Section[Any], service_context: ServiceContext, rule: WarningRule
) -> None:
    kind, facts_type = section.kind, section.kind.facts_type
    example = section.example
    registered: Any = _id_like(example.pop("id"))
    stated_type: Any = Annotated[facts_type, Body(openapi_examples={"as registered": {"value": example}})]

    @group.put(
        "/{id}",
        permission=CHANGE_REGISTER,
        summary=f"Replace what is stated about a {kind.word}",
        links=_entry(section, id=asked("id")),
        response_model=section.view,
    )
    async def replace(id: registered, facts: stated_type, version: IfMatch, commands: CommandsOf) -> Response:
        at = service_context.clock.now()

        async def do(uow: UnitOfWork) -> BaseModel:
            return section.shown(
                await replace_entry(kind, id, facts, version=version, uow=uow, at=at, rule=rule)
            )

        return await commands.run(do)

    @group.delete(
        "/{id}",
        permission=CHANGE_REGISTER,
        summary=f"Withdraw a {kind.word}: it is kept, and no longer used",
        links=_entry(section, id=asked("id")),
        response_model=section.view,
    )
    async def withdraw(id: registered, version: IfMatch, commands: CommandsOf) -> Response:
        at = service_context.clock.now()

        async def do(uow: UnitOfWork) -> BaseModel:
            return section.shown(await withdraw_entry(kind, id, version=version, uow=uow, at=at, rule=rule))

        return await commands.run(do)
