"""A listener's connections over transports in memory: bytes go in, bytes come out, and time is what a test says."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from gerai.chassis.addresses import Proxies
from gerai.chassis.connection import Connection
from gerai.chassis.connections import Connections, Limits

TURNS = 20_000


async def soon(holds: Callable[[], bool], *, because: str) -> None:
    """Let the loop turn until it does; nothing here waits for anything but the loop."""
    for _ in range(TURNS):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"never: {because}")


class Wire(asyncio.Transport):
    """The other end of one connection. A client that does not read fills `unsent`."""

    def __init__(self, connection: Connection, address: str) -> None:
        super().__init__({"peername": (address, 4711), "sockname": ("127.0.0.1", 80)})
        self._connection = connection
        self._closing = False
        self.reads = True
        self.paused = False
        self.received = b""
        self.unsent = 0
        self.closes_too = True
        """Whether the client closes its side when we have closed ours."""
        self.ended = False
        """We have closed our side: nothing more is answered."""
        connection.connection_made(self)

    def says(self, data: bytes) -> None:
        """Arrives in as many portions as the connection takes; what it does not take now stays on the way."""
        while data and not self.closed:
            assert not self.paused, "nobody reads"
            buffer = self._connection.get_buffer(-1)
            portion, data = data[: len(buffer)], data[len(buffer) :]
            buffer[: len(portion)] = portion
            self._connection.buffer_updated(len(portion))

    async def hears(self, count: int = 1) -> bytes:
        """What has come once there are so many answers, or the connection is closed."""
        await soon(
            lambda: self.closed or self.received.count(b"HTTP/1.1 ") >= count, because="it is answered"
        )
        return self.received

    @property
    def closed(self) -> bool:
        return self._closing

    # What asyncio asks of a transport

    def write(self, data: Any) -> None:
        if self.reads:
            self.received += bytes(data)
            return
        self.unsent += len(data)
        if self.unsent > 65_536:
            self._connection.pause_writing()

    def takes(self, nbytes: int) -> None:
        self.unsent = max(0, self.unsent - nbytes)
        if self.unsent < 16_384:
            self._connection.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def write_eof(self) -> None:
        self.ended = True
        if self.closes_too and not self.unsent:
            self.close()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self.unsent:
                self._connection.connection_lost(None)

    def abort(self) -> None:
        """As asyncio's transports do, it says so in a later turn of the loop."""
        if not self._closing or self.unsent:
            self._closing, self.unsent = True, 0
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)

    def leaves(self) -> None:
        """The client is gone."""
        self._closing, self.unsent = True, 0
        self._connection.connection_lost(None)


class Listener:
    """Connections to one application."""

    def __init__(self, app: ASGIApp, limits: Limits, proxies: Proxies | None = None) -> None:
        self.arrives_at = 0.0
        self.connections = Connections(
            limits, listener="test", proxies=proxies, clock=lambda: self.arrives_at
        )
        self.connections.now = 0.0
        self._config = uvicorn.Config(app, log_config=None, log_level="error", lifespan="off", ws="none")
        self._state = ServerState()

    def opens(self, address: str = "10.0.0.1", *, later_s: float = 1.0) -> Wire:
        """A new connection, so much later than the one before it."""
        self.arrives_at += later_s
        connection = Connection(
            self.connections, config=self._config, server_state=self._state, app_state={}, _loop=None
        )
        return Wire(connection, address)

    def stops(self) -> None:
        """As uvicorn's server does it."""
        for protocol in list(self._state.connections):
            protocol.shutdown()

    def at(self, seconds: float) -> None:
        """So long after the beginning, a sweep."""
        self.connections.sweep(seconds)
