"""A route that asks for little is served without FastAPI's general way, and nobody can tell by what it answers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import notes
import pytest
from fastapi import Path, Query
from notes import WRITE, NoteBody, NoteView, service
from notes_door import Client, Door, notes_door
from starlette.responses import Response

from gerai.chassis import CommandsOf, Components, Routes, ServiceContext
from gerai.chassis.arguments import Arguments
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import UnitOfWork

NoteId = Annotated[str, Path(min_length=2, max_length=8, pattern="^[a-z]+$")]
More = Annotated[str | None, Query()]
NO_NOTE = NoteBody(text="none")


def twins() -> Routes:
    """Each route twice: under /v1/long with a parameter more, which makes it FastAPI's."""
    routes = Routes(tag="twins", prefix="/v1")
    told = {"permission": WRITE, "summary": "Keep a note", "status_code": 201, "response_model": NoteView}

    @routes.post("/short/{id}", operation_id="short", **told)
    async def short(id: NoteId, body: NoteBody, commands: CommandsOf) -> Response:
        return await commands.run(keep_note, id, body)

    @routes.post("/long/{id}", operation_id="long", **told)
    async def long(id: NoteId, body: NoteBody, commands: CommandsOf, more: More = None) -> Response:
        return await commands.run(keep_note, id, body)

    @routes.post("/short/{id}/maybe", operation_id="shortMaybe", **told)
    async def short_maybe(id: NoteId, commands: CommandsOf, body: NoteBody = NO_NOTE) -> Response:
        return await commands.run(keep_note, id, body)

    @routes.post("/long/{id}/maybe", operation_id="longMaybe", **told)
    async def long_maybe(
        id: NoteId, commands: CommandsOf, body: NoteBody = NO_NOTE, more: More = None
    ) -> Response:
        return await commands.run(keep_note, id, body)

    return routes


async def keep_note(_: UnitOfWork, _at: datetime, id: str, body: NoteBody) -> NoteView:
    return NoteView(id=id, text=f"{body.text} {body.copies}", version=1)


def assemble(service_context: ServiceContext) -> Components:
    return Components(routes=[twins(), notes.notes()])


@pytest.fixture
async def twin_door(storage: MemoryStorage) -> AsyncIterator[Door]:
    async with notes_door(storage, replace(service, assemble=assemble)) as opened:
        yield opened


async def said(client: Client, path: str, content: bytes, **headers: str) -> tuple[int, Any, dict[str, str]]:
    sent = {"content-type": "application/json", "idempotency-key": f"key-of-{path}"} | headers
    answer = await client.http.post(path, content=content, headers=sent)
    body = answer.json()
    body.pop("correlation_id", None)
    headers_told = dict(answer.headers)
    for own in ("x-correlation-id", "traceresponse"):
        headers_told.pop(own)
    return answer.status_code, body, headers_told


class TestServedDirectly:
    @pytest.mark.parametrize("end", ["", "/maybe"])
    @pytest.mark.parametrize("id", ["abc", "a", "A1", "verylongname", "%00"])
    @pytest.mark.parametrize(
        "content",
        [
            b'{"text": "Bawa KTP"}',
            b'{"text": "Bawa KTP", "copies": 2.0}',
            b'{"text": "Bawa KTP", "copies": "2"}',
            b'{"text": "Bawa KTP", "copies": 99, "colour": "red"}',
            b'{"text": "a", "text": "b"}',
            b'{"text": "\\ud800"}',
            b"",
            b"null",
            b"[]",
            b"5",
            b"{",
            b'{"text": NaN}',
            b"\xff",
            b"[" * 5_000,
            b'{"text": [' + b"0.5," * 9 + b"[" * 900 + b"]" * 900 + b"]}",
        ],
    )
    async def test_answers_and_refuses_in_the_same_words(
        self, twin_door: Door, id: str, content: bytes, end: str
    ) -> None:
        officer = twin_door.client()
        short = await said(officer, f"/v1/short/{id}{end}", content)
        assert short == await said(officer, f"/v1/long/{id}{end}", content)

    async def test_a_body_of_another_type_is_refused_alike(self, twin_door: Door) -> None:
        officer, more = twin_door.client(), {"content-type": "text/plain"}
        short = await said(officer, "/v1/short/abc", b"{}", **more)
        assert short == await said(officer, "/v1/long/abc", b"{}", **more)
        assert short[0] == 415

    def test_whatever_asks_for_more_goes_the_other_way(self) -> None:
        for route in twins():
            assert (Arguments.of(route) is not None) == route.path.startswith("/v1/short"), route.path
        changed = next(route for route in notes.notes() if route.method == "PUT")
        assert Arguments.of(changed) is None  # it reads If-Match
