"""The smallest service whose answers and bodies are no JSON: the papers of applications. Also what the bench and the HTTP
contract's tests run as a process: its shelf is a folder."""

import asyncio
import html
import secrets
import uuid
from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

from fastapi import Path as InPath
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from gerai.chassis import (
    CallerOf,
    Components,
    Permission,
    QueriesOf,
    Routes,
    Service,
    ServiceContext,
    Settings,
)
from gerai.chassis.audience import Audiences
from gerai.chassis.bodies import StreamedBody
from gerai.chassis.downloads import Download, file_answer
from gerai.chassis.event_stream import EventStream, LastEventId, frame_schema, frames_answer
from gerai.chassis.stream_places import Limits, Viewer
from gerai.chassis.stream_tickets import StreamTicket, TicketsOf
from gerai.chassis.uploads import Content, UploadOf
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, UnableToFind
from gerai.messaging.unit_of_work import UnitOfWork

WRITE = Permission.to("papers.write", "applicant")
READ = Permission.to("papers.read", "applicant", "officer")
LIMIT = 50 * 1024 * 1024
READ_BYTES = 64 * 1024
TYPES = ("application/pdf", "image/png")
Id = Annotated[str, InPath(pattern="^[a-z0-9-]{1,64}$", examples=["izin-1"])]
PaperId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]
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

    async def read(self, place: str) -> AsyncGenerator[bytes, None]:
        with (self.folder / place).open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, READ_BYTES):
                yield chunk

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
    pdf = StreamedBody(media_types=TYPES, limit=LIMIT)

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

    @routes.get(
        "/papers/{paper_id}/content",
        permission=READ,
        summary="Hand out a paper as it was handed in",
        operation_id="readPaper",
        response_model=None,
        response_class=Download,
        responses=file_answer(*TYPES),
        refuses=(UnableToFind,),
    )
    async def content(paper_id: PaperId, queries: QueriesOf) -> Response:
        paper = await queries.uow.get(Paper, paper_id)
        return Download(
            lambda: shelf.read(paper.place),
            media_type=paper.media_type,
            name=paper.name or f"{paper.kind}.pdf",
            size=paper.size,
            etag=paper.sha256,
        )

    @routes.get(
        "/papers/{paper_id}/page",
        permission=READ,
        summary="Show a paper's page",
        operation_id="showPaperPage",
        response_class=HTMLResponse,
        refuses=(UnableToFind,),
    )
    async def page(paper_id: PaperId, queries: QueriesOf) -> str:
        paper = await queries.uow.get(Paper, paper_id)
        return f"<!doctype html><title>{html.escape(paper.name or paper.kind)}</title>"

    return routes


def news(audiences: Audiences) -> Routes:
    """What happens to an application, told while it happens."""
    routes = Routes(tag="news", prefix="/v1/applications/{id}")

    @routes.post(
        "/stream-tickets",
        permission=READ,
        summary="Give a ticket with which a browser follows an application",
        operation_id="giveNewsTicket",
        status_code=201,
        response_model=StreamTicket,
    )
    async def give_ticket(id: Id, give: TicketsOf) -> Response:
        return give(f"/v1/applications/{id}/news")

    @routes.get(
        "/news",
        permission=READ,
        takes_ticket=True,
        summary="Follow what happens to an application",
        operation_id="followNews",
        response_model=None,
        response_class=EventStream,
        responses={200: frames_answer([frame_schema("snapshot", {"type": "object"})])},
    )
    async def listen(id: Id, caller: CallerOf, last_event_id: LastEventId) -> Response:
        key, viewer = (caller.tenant, id), Viewer(tenant=caller.tenant, subject=caller.subject)
        listener = audiences.join(key, viewer)

        async def snapshot() -> str:
            return "{}"

        return EventStream(
            listener,
            seconds=caller.seconds_left(),
            snapshot=snapshot,
            part=lambda: audiences.part(key, viewer, listener),
            last_id=last_event_id,
        )

    return routes


def assemble(service_context: ServiceContext) -> Components:
    settings: PapersSettings = service_context.settings
    audiences = Audiences("news", Limits())
    service_context.health.at_stop(audiences.close)
    return Components(routes=[papers(Shelf(settings.shelf)), news(audiences)])


class PapersSettings(Settings):
    mongodb_database: str = "papers"
    shelf: Path = Field(default=Path("/nonexistent"))


service = Service(name="papers", title="Papers", assemble=assemble, settings=PapersSettings)
