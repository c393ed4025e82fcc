"""Files as answers, streamed from where they are kept."""

import asyncio
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gerai.chassis.admission import Admission
from gerai.chassis.auth import Caller
from gerai.chassis.edge import Exchange
from gerai.contracts.text import UNSAFE_CATEGORIES

NAME_LIMIT = 150
UNSAFE_IN_NAMES = set('/\\:*?"<>|')
"""What file systems do not take, or take for a way to another folder."""
NOT_MODIFIED = 304
CHANGES_NOTHING = "default-src 'none'; sandbox"
"""A browser that shows a file runs nothing in it."""
CHUNK_S = 30.0
"""For one piece to come from the source."""

Source = Callable[[], AsyncGenerator[bytes, None]]
"""Begins to read; is closed in any case."""


class Download(Response):
    """A file, handed on as fast as the client takes it. `HEAD`, and `If-None-Match` with its `etag`, open no source.

    Ranges are not served (`Accept-Ranges: none`): a client whose line breaks begins again.
    """

    def __init__(
        self,
        source: Source,
        status_code: int = 200,  # FastAPI's document reads the default
        *,
        media_type: str,
        name: str,
        size: int,
        etag: str,
        inline: bool = False,
    ) -> None:
        """`name`: as people call it; nothing in it can do harm. `size` in bytes: what the source yields. `etag`: another one
        for each content, such as its SHA-256. `inline`: a browser may show it instead of keeping it."""
        super().__init__(status_code=status_code, media_type=media_type)
        self.headers["Content-Length"] = str(size)
        self.headers["Content-Disposition"] = content_disposition(name, inline=inline)
        self.headers["ETag"] = f'"{quote(etag, safe="")}"'
        self.headers["Accept-Ranges"] = "none"
        self.headers["Content-Security-Policy"] = CHANGES_NOTHING
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_known(scope):
            self.status_code = NOT_MODIFIED
            del self.headers["content-length"]
        if scope["method"] == "HEAD" or self.status_code == NOT_MODIFIED:
            await self._begin(send)
        else:
            with _place(scope):
                await self._hand_on(scope["gerai.exchange"], send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _hand_on(self, exchange: Exchange, send: Send) -> None:
        """Nothing is answered before the first piece is here: until then what goes wrong is still a problem's answer."""
        exchange.may_last = True
        async with aclosing(self._source()) as chunks:
            chunk = await _next(chunks)
            await self._begin(send)
            while (
                chunk is not None and not exchange.gone
            ):  # the server takes what is sent to nobody without a word
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await _next(chunks)

    def _is_known(self, scope: Scope) -> bool:
        """RFC 9110, 13.1.2: compared weakly, and `*` is whatever there is."""
        stated = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").decode(
            "latin-1"
        )
        tags = {one.strip().removeprefix("W/") for one in stated.split(",")}
        return "*" in tags or self.headers["ETag"] in tags


def _place(scope: Scope) -> AbstractContextManager[None]:
    """A caller's download is a request in hand until its last byte is out: what waits for slow readers is bounded by it."""
    admission: Admission = scope["app"].state.admission
    caller: Caller | None = scope.get("gerai.caller")
    return admission.caller(caller) if caller is not None else nullcontext()


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    async with asyncio.timeout(CHUNK_S):
        return await anext(chunks, None)


def content_disposition(name: str, *, inline: bool = False) -> str:
    """RFC 6266: a plain name for old clients, and the real one as RFC 8187 writes it. Neither can end the header or lead
    to another folder."""
    shown = "".join(one for one in name if _is_harmless(one)).strip(" .")[:NAME_LIMIT] or "berkas"
    folded = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
    plain = "".join(one for one in folded if one not in "%'").strip(" .") or "berkas"
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"


def _is_harmless(character: str) -> bool:
    return character not in UNSAFE_IN_NAMES and unicodedata.category(character) not in UNSAFE_CATEGORIES


def file_answer(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """`responses=file_answer("application/pdf")`: the answers of a route that gives a Download, for the OpenAPI document."""
    text = {"schema": {"type": "string"}}
    tag = {"ETag": {"description": "Of this content, for If-None-Match.", "required": True, **text}}
    return {
        200: {
            "description": "The file.",
            "content": {one: {"schema": {"type": "string", "format": "binary"}} for one in media_types},
            "headers": {
                **tag,
                "Content-Disposition": {"description": "Its name (RFC 6266).", "required": True, **text},
                "Content-Length": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}},
                "Accept-Ranges": {"schema": {"type": "string", "enum": ["none"]}},
                "Content-Security-Policy": text,
            },
        },
        304: {"description": "You have it already.", "headers": tag},
    }
