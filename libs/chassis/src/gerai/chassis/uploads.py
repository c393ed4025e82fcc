"""Streamed bodies: bytes go to a sink while they come, and the command that they are for runs once they are all here.

A process holds some hundred KiB of an upload, whatever its size: where the sink is slow, the socket is not read. The
content's SHA-256 makes the request the same as another one, so a key belongs to one content. Of several uploads under
one key, also at once and on different replicas, one takes effect; the others get its answer, and their sinks are told
to abort.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Concatenate, ParamSpec, Protocol
from urllib.parse import unquote_to_bytes

import structlog
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from pymongo.errors import PyMongoError
from starlette.responses import Response

from gerai.chassis.auth import Caller
from gerai.chassis.bodies import StreamedBody
from gerai.chassis.commands import Bound, Commands, response_of
from gerai.chassis.problems import Problem
from gerai.chassis.stream_places import Limits, NoPlace, Places, Viewer
from gerai.contracts.text import hidden_at
from gerai.messaging.command import needs_of
from gerai.messaging.group_commit import Needs
from gerai.messaging.refusal import UnableToRepeat
from gerai.messaging.storage import Storage, StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

WINDOW_S = 30.0
"""Of our waiting for the client. While the sink is written to, no time passes for the client."""
SINK_S = 30.0
"""For one call of a sink."""
AT_ONCE = Limits(all=64, of_regency=32, of_caller=8)
"""Uploads under way in one process: each holds some memory, and its sink more, for as long as it lasts."""
NAME_LIMIT = 150
FILE_NAME = "File-Name"
ENCODED_NAME = "^([A-Za-z0-9!'()*._~-]|%[0-9A-Fa-f]{2}){1,450}$"
"""As JavaScript's `encodeURIComponent` writes it. In a header, since a file's name may tell of a person, and addresses
are written down in many places."""
MARK = "upload"


class Sink(Protocol):
    """Where an upload goes. Nobody may see what is in it before the command has said that it is there.

    After a crash nobody is told anything, nor where it is unknown whether the command was committed: what no command
    has referred to must end by a time of its own.
    """

    async def write(self, chunk: bytes) -> None:
        """More of it, in order."""

    async def finish(self) -> None:
        """That was all. It is durable when this returns; the command runs then."""

    async def abort(self) -> None:
        """Nothing will refer to it: the client broke off, the content or the command was refused, or another upload
        under the same key was first. May come before anything was written, and after `finish`."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What was uploaded."""

    media_type: str
    """One of those that the route takes, as the client states it. Nobody has looked inside."""
    name: str | None
    """What the client calls it: for people to read, never a path."""
    size: int
    sha256: str
    """In hexadecimal digits."""


P = ParamSpec("P")


class Upload:
    """A request whose body is a stream."""

    def __init__(self, request: Request, body: StreamedBody, name: str | None) -> None:
        self._request = request
        self._body = body
        self._name = name
        self._commands = Commands(request)
        self._storage: Storage = request.app.state.service_context.storage

    async def store(
        self,
        sink: Sink,
        use_case: Callable[Concatenate[UnitOfWork, datetime, Content, P], Awaitable[BaseModel]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Response:
        """Write the body to the sink, then run the use case, as `Commands.run` does, with the content before the other
        arguments. Where the key has an answer already, the sink is not touched: the content is only compared.

        Raises Problem 429 and 503 where too many are under way, before anything is read; BodyTooLarge, ClientGone, Problem
        408 and 422, UnableToRepeat and what the use case raises, all after the sink was told to abort.
        """
        with self._place():
            if (kept := await self._kept()) is not None:
                return response_of(self._repeated(kept, await self._read(_nowhere)))
            content, at = await self._received(sink), self._commands.now()

            async def bound(uow: UnitOfWork) -> BaseModel:
                return await use_case(uow, at, content, *args, **kwargs)

            def needs() -> Needs:
                tenant = self._commands.context.tenant
                return needs_of(use_case, (content, *args), kwargs, tenant=tenant, at=at)

            return response_of(await self._committed(sink, bound, content, needs))

    @contextmanager
    def _place(self) -> Iterator[None]:
        places: Places = self._request.app.state.upload_places
        caller: Caller = self._request.scope["gerai.caller"]
        viewer = Viewer(tenant=caller.tenant, subject=caller.subject)
        try:
            places.take(viewer)
        except NoPlace as full:
            raise full.problem from None
        try:
            yield
        finally:
            places.give_back(viewer)

    async def _received(self, sink: Sink) -> Content:
        try:
            content = await self._read(sink.write)
            async with _in_time():
                await sink.finish()
        except BaseException:
            await _abort(sink)
            raise
        return content

    async def _committed(
        self, sink: Sink, use_case: Bound, content: Content, needs: Callable[[], Needs]
    ) -> StoredAnswer:
        """The answer bears a mark of this run: only by that we know that it refers to our content. That it is not marked
        as repeated does not say so, since a commit may have succeeded although it seemed to fail."""
        mark = secrets.token_hex(8)
        try:
            asked = self._commands.repeatable(_told_apart(content)) if self._commands.is_repeatable else None
            answer = await self._commands.answer(use_case, asked=asked, needs=needs(), marks={MARK: mark})
        except (PyMongoError, asyncio.CancelledError):
            log.warning("upload-outcome-unknown")
            raise
        except Exception:
            await _abort(sink)
            raise
        if answer.headers.get(MARK) != mark:
            await _abort(sink)
        return answer

    async def _kept(self) -> StoredAnswer | None:
        """What was answered under this key before, still sealed."""
        if not self._commands.is_repeatable:
            return None
        key = self._commands.repeatable(b"").idempotency_key
        return (await self._storage.answers([key])).get(key.key)

    def _repeated(self, kept: StoredAnswer, content: Content) -> StoredAnswer:
        asked = self._commands.repeatable(_told_apart(content))
        if not asked.idempotency_key.fits(kept.fingerprint):
            raise UnableToRepeat("idempotency_key_reused", field="Idempotency-Key")
        return replace(asked.open(kept), repeated=True)

    async def _read(self, write: Callable[[bytes], Awaitable[None]]) -> Content:
        digest, size = hashlib.sha256(), 0
        async for chunk in self._chunks():
            digest.update(chunk)
            size += len(chunk)
            async with _in_time():
                await write(chunk)
        if not size:
            raise Problem(422, "missing", field="body")
        return Content(
            media_type=self._request.state.media_type, name=self._name, size=size, sha256=digest.hexdigest()
        )

    async def _chunks(self) -> AsyncIterator[bytes]:
        """Raises Problem 408 where too little came while we waited for `WINDOW_S`."""
        left, came, more = WINDOW_S, 0, True
        while more:
            begun = time.monotonic()
            chunk, more = await self._next(within=left)
            left -= time.monotonic() - begun
            came += len(chunk)
            if left <= 0 and more:
                if came < WINDOW_S * self._body.least_per_s:
                    raise Problem(408, "request_timeout")
                left, came = WINDOW_S, 0
            if chunk:
                yield chunk

    async def _next(self, *, within: float) -> tuple[bytes, bool]:
        """What has come, perhaps nothing, and whether there is more to come."""
        try:
            async with asyncio.timeout(within):
                message = await self._request.receive()
        except TimeoutError:
            return b"", True
        return message.get("body", b""), message.get("more_body", False)


async def _nowhere(_: bytes) -> None: ...


def _told_apart(content: Content) -> bytes:
    """Neither a media type nor a digest holds a line feed."""
    return f"{content.media_type}\n{content.sha256}\n{content.name or ''}".encode()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """A sink that hangs holds up one upload for a bounded time. Raises Problem 503."""
    try:
        async with asyncio.timeout(SINK_S):
            yield
    except TimeoutError:
        raise Problem(503, "busy", headers={"Retry-After": "5"}) from None


async def _abort(sink: Sink) -> None:
    try:
        async with asyncio.timeout(SINK_S):
            await sink.abort()
    except Exception as error:  # noqa: BLE001  the client hears why the upload failed, not that tidying up did
        log.error("upload-not-aborted", error=repr(error)[:300])


FileName = Annotated[
    str | None,
    Header(
        alias=FILE_NAME,
        pattern=ENCODED_NAME,
        description="What people call the file, percent-encoded UTF-8, as `encodeURIComponent` writes it.",
        examples=["Surat%20pernyataan.pdf"],
    ),
]


def _name_in(encoded: str) -> str:
    """Raises Problem 422."""
    try:
        name = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise Problem(422, "file_name_malformed", field=FILE_NAME) from None
    if hidden_at(name) is not None or not name.isprintable():
        raise Problem(422, "hidden_character", field=FILE_NAME)
    if len(name) > NAME_LIMIT:
        raise Problem(422, "file_name_malformed", field=FILE_NAME)
    return name


async def _upload(request: Request, file_name: FileName = None) -> Upload:
    body = request.scope["route"].body
    if not isinstance(body, StreamedBody):
        raise TypeError(f"{request.scope['route'].path} takes an upload and declares no StreamedBody")
    return Upload(request, body, _name_in(file_name) if file_name is not None else None)


UploadOf = Annotated[Upload, Depends(_upload)]
"""For a route with `body=StreamedBody(…)`."""
