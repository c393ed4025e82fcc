"""An answer that does not end: server-sent events, as plain ASGI because two hundred displays listen at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Depends, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gerai.chassis.audience import Listener
from gerai.chassis.problems import ClientGone
from gerai.chassis.ring import as_frame

HEARTBEAT = b": still here\n\n"
SNAPSHOT = "snapshot"
Snapshot = Callable[[], Awaitable[str]]
"""Reads what there is now, as JSON on one line."""


class EventStream(Response):
    """Sends what the listener takes, until the client or the process goes, or its permission ends.

    It begins with what came after `last_id`, or where that is not known with a `snapshot`; a client that reads too slowly
    begins with a snapshot again.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        listener: Listener,
        status_code: int = 200,
        *,
        seconds: float,
        snapshot: Snapshot,
        part: Callable[[], None],
        last_id: str | None = None,
    ) -> None:
        """`seconds`: `Caller.seconds_left`. `part` gives the listener's place back."""
        super().__init__(status_code=status_code)
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"
        self._listener = listener
        self._seconds = seconds
        self._snapshot = snapshot
        self._part = part
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._watch(receive), name="event stream connection")
        over = asyncio.get_running_loop().call_later(self._seconds, self._listener.leave)
        try:
            first = b"retry: 1000\n\n" + await self._beginning()
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await _say(send, first)
            while not self._listener.gone:
                await self._listener.wait()
                await _say(send, await self._next())
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            over.cancel()
            watching.cancel()
            self._part()

    async def _beginning(self) -> bytes:
        missed = self._listener.catch_up(self._last_id) if self._last_id is not None else None
        if missed is None:
            return await self._afresh()
        self._listener.skip()
        return missed

    async def _next(self) -> bytes:
        taken = self._listener.take()
        if taken is None:  # it read too slowly
            return await self._afresh()
        return taken or HEARTBEAT

    async def _afresh(self) -> bytes:
        """Go on from now, then read: what happens in between is in both, never in neither."""
        newest = self._listener.skip()
        return as_frame(SNAPSHOT, await self._snapshot(), id=newest)

    async def _watch(self, receive: Receive) -> None:
        with suppress(ClientGone):
            while (await receive())["type"] != "http.disconnect":
                continue
        self._listener.leave()


async def _say(send: Send, data: bytes) -> None:
    """Waits for as long as the connection is full; the listener's place in the ring waits with it."""
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _last_event_id(
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=64,
            description="The id of the last frame that the client has: it goes on after that one, on any replica.",
        ),
    ] = None,
    from_query: Annotated[
        str | None,
        Query(
            alias="last_event_id",
            max_length=64,
            description="The same, for a browser that opens a new EventSource, which cannot send a header. The header "
            "counts where both are there: the browser adds it when it comes back by itself.",
        ),
    ] = None,
) -> str | None:
    return last_event_id if last_event_id is not None else from_query


LastEventId = Annotated[str | None, Depends(_last_event_id)]
"""Where to go on, as a parameter of a route that answers with an EventStream."""


def frame_schema(event: str, data: dict[str, Any]) -> dict[str, Any]:
    """A frame as a client's event source takes it apart: its fields by name, `data` as the text of a JSON document that
    keeps this schema."""
    return {
        "title": event,
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "id": {
                "type": "string",
                "description": "For Last-Event-ID. A frame may come twice; its id tells.",
            },
            "event": {"const": event},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": data,
            },
        },
    }


def frames_answer(frames: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The answer 200 of a stream, for the OpenAPI document: `responses={200: frames_answer(…)}`."""
    return {
        "description": "Frames without end. The stream closes when the token expires; lines that begin with `:` only say "
        "that the connection stands.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "array",
                    "description": "One frame after the other; not a JSON array, but what it would hold.",
                    "items": {"oneOf": list(frames)},
                }
            }
        },
    }
