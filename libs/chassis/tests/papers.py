"""The smallest service whose answers and bodies are no JSON: the papers of applications. Also what the bench and the HTTP
contract's tests run as a process: its shelf is a folder."""

import asyncio
import secrets
import uuid
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

from fastapi import Path as InPath
from pydantic import BaseModel, Field
from starlette.responses import Response

from gerai.chassis import CallerOf, Components, Permission, Routes, Service, ServiceContext, Settings
from gerai.chassis.bodies import StreamedBody
from gerai.chassis.uploads import Content, UploadOf
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.messaging.unit_of_work import UnitOfWork

WRITE = Permission.to("papers.write", "applicant")
LIMIT = 50 * 1024 * 1024
Id = Annotated[str, InPath(pattern="^[a-z0-9-]{1,64}$", examples=["izin-1"])]
Kind = Annotated[str, InPath(pattern="^[a-z-]{1,32}$", examples=["surat-tanah"])]


class UnableToAttachPaper(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "application_closed": LocalizedText("Permohonan sudah ditutup.", "The application is closed.")
    }


class Paper(Aggregate):
    collection: ClassVar[str] = "papers"

    application: str
    kind: str
    media_type: str
    name: str | None
    size: int
    sha256: str
    place: str
    """On the shelf."""


class PaperView(BaseModel):
    id: str
    kind: str
    name: str | None
    size: int
    sha256: str


class Shelf:
    """Papers as files of a folder. What is being written ends in `.part`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self) -> "Placing":
        return Placing(self.folder / secrets.token_hex(16))


class Placing:
    """One paper on its way to the shelf: a `Sink`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_suffix(".part")

    async def write(self, chunk: bytes) -> None:
        await asyncio.to_thread(self._append, chunk)

    def _append(self, chunk: bytes) -> None:
        with self._part.open("ab") as file:
            file.write(chunk)

    async def finish(self) -> None:
        await asyncio.to_thread(self._part.rename, self.path)

    async def abort(self) -> None:
        for path in (self._part, self.path):
            await asyncio.to_thread(path.unlink, missing_ok=True)


async def attach_paper(
    uow: UnitOfWork, _at: datetime, content: Content, application: str, kind: str, *, place: str, tenant: str
) -> PaperView:
    if application == "closed":
        raise UnableToAttachPaper("application_closed")
    paper = Paper(
        id=uuid.uuid4().hex,
        tenant=tenant,
        application=application,
        kind=kind,
        media_type=content.media_type,
        name=content.name,
        size=content.size,
        sha256=content.sha256,
        place=place,
    )
    uow.add(paper)
    return PaperView(id=paper.id, kind=kind, name=content.name, size=content.size, sha256=content.sha256)


def papers(shelf: Shelf) -> Routes:
    routes = Routes(tag="papers", prefix="/v1")
    pdf = StreamedBody(media_types=("application/pdf", "image/png"), limit=LIMIT)

    @routes.post(
        "/applications/{id}/papers/{kind}",
        permission=WRITE,
        summary="Attach a paper to an application",
        operation_id="attachPaper",
        status_code=201,
        response_model=PaperView,
        body=pdf,
        refuses=(UnableToAttachPaper,),
    )
    async def attach(id: Id, kind: Kind, caller: CallerOf, upload: UploadOf) -> Response:
        sink = shelf.place()
        return await upload.store(sink, attach_paper, id, kind, place=sink.path.name, tenant=caller.tenant)

    return routes


def assemble(service_context: ServiceContext) -> Components:
    settings: PapersSettings = service_context.settings
    return Components(routes=[papers(Shelf(settings.shelf))])


class PapersSettings(Settings):
    mongodb_database: str = "papers"
    shelf: Path = Field(default=Path("/nonexistent"))


service = Service(name="papers", title="Papers", assemble=assemble, settings=PapersSettings)
