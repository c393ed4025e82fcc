"""An answer that does not end: server-sent events, as plain ASGI because two hundred displays listen at once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gerai.chassis.problems import ClientGone
from gerai.queue.adapters.display_feed import Listener

HEARTBEAT = b": still here\n\n"
Frames = Callable[[], Awaitable[bytes]]


class EventStream(Response):
    """Sends what the listener takes, until the display or the process goes, or the time is over that it was let in
    for."""

    media_type = "text/event-stream"

    def __init__(
        self,
        listener: Listener,
        status_code: int = 200,
        *,
        seconds: float,
        begin: Frames,
        restart: Frames,
        part: Callable[[], None],
    ) -> None:
        super().__init__(status_code=status_code)
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"
        self._listener = listener
        self._seconds = seconds
        self._begin = begin
        self._restart = restart
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._watch(receive), name="display connection")
        over = asyncio.get_running_loop().call_later(self._seconds, self._listener.leave)
        try:
            first = b"retry: 1000\n\n" + await self._begin()
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

    async def _next(self) -> bytes:
        taken = self._listener.take()
        if taken is None:  # it read too slowly
            return await self._restart()
        return taken or HEARTBEAT

    async def _watch(self, receive: Receive) -> None:
        with suppress(ClientGone):
            while (await receive())["type"] != "http.disconnect":
                continue
        self._listener.leave()


async def _say(send: Send, data: bytes) -> None:
    """Waits for as long as the connection is full; the listener's place in the ring waits with it."""
    await send({"type": "http.response.body", "body": data, "more_body": True})
