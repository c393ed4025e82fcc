"""The smallest service that uses all of the chassis: notes of an office."""

import uuid
from typing import Annotated, ClassVar

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
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind
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


def notes() -> Routes:
    routes = Routes(tag="notes", prefix="/v1/notes")

    change_it = ResponseLink(to="PUT /v1/notes/{id}", given={"id": answered("id"), "If-Match": VERSION_READ})

    @routes.post("", permission=WRITE, status_code=201, response_model=NoteView, links={"change": change_it})
    async def add(body: NoteBody, caller: CallerOf, commands: CommandsOf) -> Response:
        async def do(uow: UnitOfWork) -> NoteView:
            if body.text == "closed":
                raise UnableToAddNote("office_closed", field="text", state="closed")
            note = Note(id=uuid.uuid4().hex, tenant=caller.tenant, text=body.text)
            uow.add(note)
            return NoteView(id=note.id, text=note.text, version=1)

        return await commands.run(do, status=201)

    @routes.get("", permission=READ)
    async def show(queries: QueriesOf, limit: PageSize = 50, cursor: Cursor = None) -> Page[NoteView]:
        chosen = Selection(kind=Note, where={"id": {"$gt": id_before(cursor)}}, limit=limit)
        found = await queries.uow.select(chosen)
        following = cursor_after(found[-1].id) if len(found) == limit else None
        return Page(items=tuple(NoteView.of(note) for note in found), next=following)

    @routes.get("/{id}", permission=READ)
    async def look(id: str, queries: QueriesOf) -> NoteView:
        return NoteView.of(await queries.uow.get(Note, id))

    @routes.put("/{id}", permission=WRITE, response_model=NoteView)
    async def change(id: str, body: NoteBody, version: IfMatch, commands: CommandsOf) -> Response:
        async def do(uow: UnitOfWork) -> NoteView:
            note = await uow.get(Note, id)
            if note.version != version:
                raise UnableToChangeNote("stale_version")
            note.text = body.text
            return NoteView(id=note.id, text=note.text, version=version + 1)

        return await commands.run(do)

    return routes


def trouble() -> Routes:
    """What can go wrong behind a route."""
    routes = Routes(tag="trouble", prefix="/v1")

    @routes.get("/links/{link}", public=True)
    async def follow(link: Annotated[str, Path(max_length=64)]) -> dict[str, int]:
        return {"length": len(link)}

    @routes.post("/links/{link}/use", public=Secret("link"), response_model=NoteView)
    async def use(link: Annotated[str, Path(max_length=64)], commands: CommandsOf) -> Response:
        """What a stranger may change: the link is all that is asked for."""

        async def do(uow: UnitOfWork) -> NoteView:
            note = Note(id=uuid.uuid4().hex, tenant="muna-barat", text=f"used {link}")
            uow.add(note)
            return NoteView(id=note.id, text=note.text, version=1)

        return await commands.run(do)

    @routes.get("/broken", public=True)
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @routes.get("/busy", public=True)
    async def busy() -> None:
        raise StoreBusy("the process is about to stop")

    @routes.get("/store", public=True)
    async def store(request: Request) -> None:
        raise request.app.state.failure

    return routes


def assemble(service_context: ServiceContext) -> Components:
    return Components(routes=[notes(), trouble()])


class NotesSettings(Settings):
    mongodb_database: str = "notes"


service = Service(name="notes", title="Notes", assemble=assemble, settings=NotesSettings)
