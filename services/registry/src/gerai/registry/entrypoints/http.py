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
from gerai.messaging.refusal import UnableToFind
from gerai.registry.domain.entry import (
    UnableToName,
    UnableToRefer,
    UnableToRegister,
    UnableToReplace,
    UnableToTakeId,
)
from gerai.registry.domain.institution import WarningRule
from gerai.registry.entrypoints.permissions import CHANGE_REGISTER, READ_REGISTER
from gerai.registry.entrypoints.shapes import SECTIONS, Listing, Section
from gerai.registry.entrypoints.taken_ids import note_foreign_ids
from gerai.registry.use_cases.list_entries import list_entries
from gerai.registry.use_cases.read_entry import read_entry
from gerai.registry.use_cases.register_entry import register_entry
from gerai.registry.use_cases.replace_entry import replace_entry, withdraw_entry


def _id_like(example: str) -> Any:
    return Annotated[Id, Path(max_length=80, description="The entry's id.", examples=[example])]


REFUSED_ENTRY = (UnableToRegister, UnableToRefer)
"""What does not fit the rest of the register."""


def _entry(section: Section[Any], *, id: str) -> dict[str, ResponseLink]:
    """What can be done with one entry. `id`: where it is told."""
    versioned = {"id": id, "If-Match": VERSION_READ}
    given = {"read": {"id": id}, "replace": versioned, "withdraw": versioned}
    return {step: ResponseLink(to=f"{step}{section.kind.__name__}", given=given[step]) for step in given}


def routes(service_context: ServiceContext, rule: WarningRule) -> list[Routes]:
    """One group of routes for each kind of entry."""
    return [_routes_of(section, service_context, rule) for section in SECTIONS]


def _routes_of(section: Section[Any], service_context: ServiceContext, rule: WarningRule) -> Routes:
    group = Routes(tag=section.name, prefix=f"/v1/{section.name}")
    _add_reading(group, section, service_context)
    _add_registering(group, section, rule)
    _add_changing(group, section, rule)
    return group


def _add_reading(group: Routes, section: Section[Any], service_context: ServiceContext) -> None:
    listing: Any = Annotated[section.listing, Query()]
    standing: Any = _id_like(section.standing)
    kind = section.kind

    @group.get(
        "/{id}",
        permission=READ_REGISTER,
        summary=f"Read one {kind.word}",
        operation_id=f"read{kind.__name__}",
        response_model=section.view,
        refuses=(UnableToFind,),
        links=_entry(section, id=asked("id")),
    )
    async def read(id: standing, caller: CallerOf) -> Response:
        entry = await read_entry(kind, id, tenant=caller.tenant, storage=service_context.storage)
        body = section.shown(entry).model_dump_json()
        return Response(body, headers={"ETag": f'"{entry.version}"'}, media_type="application/json")

    @group.get(
        "",
        permission=READ_REGISTER,
        summary=f"List {section.name}, in the order of their ids",
        operation_id=f"list{section.name.capitalize()}",
        response_model=Page[section.view],  # type: ignore[name-defined]
    )
    async def show(caller: CallerOf, asked: listing) -> Page[BaseModel]:
        assert isinstance(asked, Listing)
        found = await list_entries(
            kind,
            tenant=caller.tenant,
            where=asked.where,
            after=id_before(asked.cursor),
            limit=asked.limit,
            storage=service_context.storage,
        )
        following = cursor_after(found.next_after) if found.next_after is not None else None
        return Page(items=tuple(section.shown(entry) for entry in found.entries), next=following)


def _add_registering(group: Routes, section: Section[Any], rule: WarningRule) -> None:
    row_type: Any = section.row
    kind, register = section.kind, section.showing(register_entry)

    @group.post(
        "",
        permission=CHANGE_REGISTER,
        summary=f"Register a new {kind.word}",
        operation_id=f"register{kind.__name__}",
        status_code=201,
        response_model=section.view,
        refuses=(*REFUSED_ENTRY, UnableToName),
        links=_entry(section, id=answered("id")),
    )
    async def take(row: row_type, caller: CallerOf, commands: CommandsOf) -> Response:
        try:
            return await commands.run(register, kind, row.id, section.stated(row), rule=rule)
        except UnableToTakeId as refusal:
            if refusal.of_another_regency:
                note_foreign_ids(tenant=caller.tenant, count=1, through="register")
            raise


def _add_changing(group: Routes, section: Section[Any], rule: WarningRule) -> None:
    kind, example = section.kind, section.example
    registered: Any = _id_like(example.pop("id"))
    facts_type: Any = Annotated[kind.facts_type, Body(openapi_examples={"as registered": {"value": example}})]
    replace, withdraw = section.showing(replace_entry), section.showing(withdraw_entry)

    @group.put(
        "/{id}",
        permission=CHANGE_REGISTER,
        summary=f"Replace what is stated about a {kind.word}",
        operation_id=f"replace{kind.__name__}",
        response_model=section.view,
        refuses=(UnableToFind, UnableToReplace, *REFUSED_ENTRY),
        links=_entry(section, id=asked("id")),
    )
    async def change(id: registered, facts: facts_type, version: IfMatch, commands: CommandsOf) -> Response:
        return await commands.run(replace, kind, id, facts, version=version, rule=rule)

    @group.delete(
        "/{id}",
        permission=CHANGE_REGISTER,
        summary=f"Withdraw a {kind.word}: it is kept, and no longer used",
        operation_id=f"withdraw{kind.__name__}",
        response_model=section.view,
        refuses=(UnableToFind, UnableToReplace, UnableToRegister),
        links=_entry(section, id=asked("id")),
    )
    async def take_out(id: registered, version: IfMatch, commands: CommandsOf) -> Response:
        return await commands.run(withdraw, kind, id, version=version, rule=rule)
