"""uvicorn's HTTP protocol as we use it: it refuses what two readers could read in two ways, and reports to `Connection`.

It relies on names inside uvicorn, so the version is pinned narrowly and `test_connection` fails when one is gone.
"""

import asyncio
from typing import Any, NoReturn, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gerai.chassis.connections import Limits

VERSIONS = ("1.1", "1.0")
LENGTH_DIGITS = 20
"""As many as the largest number of 64 bits has."""


class PipelinedTooEarly(Exception):
    """A second request began before the first one was answered."""


class Refused(Exception):
    """Stops the parser: the connection has had its last answer."""


class Watch(Protocol):
    """What watches over one connection: `connection.Connection`."""

    @property
    def limits(self) -> Limits: ...

    @property
    def gone(self) -> bool: ...

    @property
    def expects_head(self) -> bool: ...

    @property
    def answering(self) -> bool: ...

    def head_began(self) -> None: ...

    def head_ended(self) -> None: ...

    def body_came(self, nbytes: int) -> None: ...

    def message_ended(self) -> None: ...

    def answered(self) -> None: ...

    def refuse(self, status: int, reason: str) -> None: ...

    def linger(self, reason: str) -> None: ...


class LastAnswer:
    """What uvicorn writes an answer to that the connection ends with, because more may follow that we do not read."""

    def __init__(self, connection: Watch, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._transport = transport

    def write(self, data: bytes) -> None:
        if not self._connection.gone:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._connection.gone or self._transport.is_closing()

    def close(self) -> None:
        if not self._connection.gone:
            self._connection.linger("unread_body")


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which reports each parser event to its Connection."""

    def __init__(self, connection: Watch, **uvicorns: Any) -> None:
        self._connection = connection
        self._keep_alive = True
        self.url = b""
        super().__init__(**uvicorns)

    def on_message_begin(self) -> None:
        if not self._connection.expects_head:
            raise PipelinedTooEarly
        super().on_message_begin()
        self._connection.head_began()
        self.scope["gerai.connection"] = self._connection  # type: ignore[typeddict-unknown-key]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are dropped: the headers of a request are those that its head had."""
        if self._connection.expects_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        limits = self._connection.limits
        if len(self.url) > limits.url_bytes:
            self._refuse(414, "head_limit")
        if len(self.headers) > limits.headers:
            self._refuse(431, "head_limit")
        if self._is_ambiguous():
            self._refuse(400, "malformed")
        super().on_headers_complete()
        self._connection.head_ended()

    def _refuse(self, status: int, reason: str) -> NoReturn:
        self._connection.refuse(status, reason)
        raise Refused

    def _is_ambiguous(self) -> bool:
        """Whether the parser would read on where others may see something else: a version without a head or with
        frames, a tunnel, a transfer coding beside chunked, and a body after `Upgrade`, which it takes for the next
        request."""
        version, upgraded = self.parser.get_http_version(), self.parser.should_upgrade()
        if version not in VERSIONS or (upgraded and self.parser.get_method() == b"CONNECT"):
            return True
        for name, value in self.headers:
            if name == b"transfer-encoding":
                return upgraded or version == "1.0" or value.strip().lower() != b"chunked"
            if name == b"content-length" and (len(value) > LENGTH_DIGITS or (upgraded and int(value))):
                return True
        return False

    def await_body(self) -> int | None:
        """Its length, or None where it is chunked. Until it is here, an answer is the last one."""
        self._keep_alive = self.cycle.keep_alive
        self.ends_with_this()
        return next((int(value) for name, value in self.headers if name == b"content-length"), None)

    def ends_with_this(self) -> None:
        """The request in hand is the last one. Its answer says so, unless it has begun."""
        self.cycle.keep_alive = False
        self.cycle.transport = cast(asyncio.Transport, LastAnswer(self._connection, self.transport))

    def shutdown(self) -> None:
        self._keep_alive = False
        super().shutdown()

    def on_body(self, body: bytes) -> None:
        self._connection.body_came(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle.transport is not self.transport and not self.cycle.response_started:
            self.cycle.keep_alive, self.cycle.transport = self._keep_alive, self.transport
        self._connection.message_ended()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._connection.answered()

    def send_400_response(self, msg: str) -> None:
        if self._connection.answering:
            self.ends_with_this()
        else:
            self._connection.refuse(400, "malformed")

    def tell_gone(self) -> None:
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.flow is not None:
            self.flow.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
