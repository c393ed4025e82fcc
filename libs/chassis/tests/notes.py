"""The smallest service that uses all of the chassis: notes of an office."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from gerai.chassis import (
    CallerOf,
    CommandsOf,
    Components,
    Cursor,
    IfMatch,
    Page,
    PageSize,
    Permission,
    QueriesOf,
    Routes,
    Secret,
    Service,
    ServiceContext,
    Settings,
    cursor_after,
    id_before,
)
from gerai.chassis.links import VERSION_READ, ResponseLink, answered
from gerai.contracts.text import Name
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import Fault, LocalizedText, Refusal, RefusalKind, Term, UnableToFind
from gerai.messaging.selection import Selection
from gerai.messaging.storage import StoreBusy
from gerai.messaging.unit_of_work import UnitOfWork

WRITE = Permission.to("notes.write", "officer")
READ = Permission.to("notes.read", "officer", "operator")


class UnableToChangeNote(Refusal):
    kind = RefusalKind.STALE
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "stale_version": LocalizedText("Catatan sudah berubah.", "The note has changed.")
    }


class UnableToAddNote(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "office_closed": LocalizedText("Kantor sedang {state}.", "The office is {state}.")
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "text", "state": "closed"}


class Note(Aggregate):
    collection: ClassVar[str] = "notes"

    text: str


class NoteBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Name = Field(examples=["Bawa KTP"])
    copies: int = Field(default=1, ge=1, le=9)


class NoteView(BaseModel):
    id: str
    text: str
    version: int

    @classmethod
    def of(cls, note: Note) -> "NoteView":
        return cls(id=note.id, text=note.text, version=note.version)


async def add_note(uow: UnitOfWork, _at: datetime, text: str, *, tenant: str) -> NoteView:
    if text == "closed":
        raise UnableToAddNote("office_closed", field="text", state="closed")
    if text == "faulty":
        refusal = UnableToAddNote("office_closed", state="closed")
        refusal.faults = [
            Fault("notes.0.text", "office_closed", LocalizedText("Kantor tutup.", "The office is closed."))
        ]
        raise refusal
    if text == "lost":
        raise UnableToFind(Term("office", LocalizedText("kantor", "office")), "lost")
    note = Note(id=uuid.uuid4().hex, tenant=tenant, text=text)
    uow.add(note)
    return NoteView(id=note.id, text=note.text, version=1)


async def change_note(uow: UnitOfWork, _at: datetime, id: str, text: str, *, version: int) -> NoteView:
    note = await uow.get(Note, id)
    if note.version != version:
        raise UnableToChangeNote("stale_version")
    note.text = text
    return NoteView(id=note.id, text=note.text, version=version + 1)


def notes() -> Routes:
    routes = Routes(tag="notes", prefix="/v1/notes")

    change_it = ResponseLink(to="changeNote", given={"id": answered("id"), "If-Match": VERSION_READ})

    @routes.post(
        "",
        permission=WRITE,
        summary="Write a note",
        operation_id="addNote",
        status_code=201,
        response_model=NoteView,
        refuses=(UnableToAddNote,),
        links={"change": change_it},
    )
    async def add(body: NoteBody, caller: CallerOf, commands: CommandsOf) -> Response:
        return await commands.run(add_note, body.text, tenant=caller.tenant)

    @routes.get("", permission=READ, summary="List the notes", operation_id="listNotes")
    async def show(queries: QueriesOf, limit: PageSize = 50, cursor: Cursor = None) -> Page[NoteView]:
        chosen = Selection(kind=Note, where={"id": {"$gt": id_before(cursor)}}, limit=limit)
        found = await queries.uow.select(chosen)
        following = cursor_after(found[-1].id) if len(found) == limit else None
        return Page(items=tuple(NoteView.of(note) for note in found), next=following)

    @routes.get(
        "/{id}", permission=READ, summary="Show a note", operation_id="showNote", refuses=(UnableToFind,)
    )
    async def look(id: str, queries: QueriesOf) -> NoteView:
        return NoteView.of(await queries.uow.get(Note, id))

    @routes.put(
        "/{id}",
        permission=WRITE,
        summary="Change a note",
        operation_id="changeNote",
        response_model=NoteView,
        refuses=(UnableToFind, UnableToChangeNote),
    )
    async def change(id: str, body: NoteBody, version: IfMatch, commands: CommandsOf) -> Response:
        return await commands.run(change_note, id, body.text, version=version)

    return routes


def trouble() -> Routes:
    """What can go wrong behind a route."""
    routes = Routes(tag="trouble", prefix="/v1")

    @routes.get("/links/{link}", public=True, summary="Follow a link", operation_id="followLink")
    async def follow(link: Annotated[str, Path(max_length=64)]) -> dict[str, int]:
        return {"length": len(link)}

    @routes.post(
        "/links/{link}/use",
        public=Secret("link"),
        summary="Use a link",
        operation_id="useLink",
        response_model=NoteView,
        refuses=(UnableToAddNote, UnableToFind),
    )
    async def use(link: Annotated[str, Path(max_length=64)], commands: CommandsOf) -> Response:
        """What a stranger may change: the link is all that is asked for."""
        return await commands.run(add_note, f"used {link}", tenant="muna-barat")

    @routes.get("/broken", public=True, summary="Fail by a mistake", operation_id="fail")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @routes.get("/busy", public=True, summary="Be busy", operation_id="beBusy")
    async def busy() -> None:
        raise StoreBusy("the process is about to stop")

    @routes.get("/store", public=True, summary="Fail by the store", operation_id="failByStore")
    async def store(request: Request) -> None:
        raise request.app.state.failure

    return routes


def assemble(service_context: ServiceContext) -> Components:
    return Components(routes=[notes(), trouble()])


class NotesSettings(Settings):
    mongodb_database: str = "notes"


service = Service(name="notes", title="Notes", assemble=assemble, settings=NotesSettings)
