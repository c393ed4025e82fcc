"""One connection, between the socket and uvicorn's HTTP protocol: what reaches the parser is bounded in size and time.

uvicorn's protocol (`HttpToolsProtocol`) has no deadline but keep-alive, no limit of a head, and parses as many pipelined
requests as come. This one hands it a piece at a time, one request after the other, and watches over the phases of each.
It relies on names inside uvicorn, so the version is pinned narrowly and `test_connection` fails when one is gone.
"""

import asyncio
from enum import Enum
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr

from gerai.chassis.addresses import counted_as
from gerai.chassis.auth import Caller
from gerai.chassis.connections import CLOSED, Connections
from gerai.chassis.problems import on_the_wire

VERSION = b"HTTP/"
"""Ends every request's first line, so that a piece of bytes with one of these begins one request at most."""
HELD_BYTES = 64 * 1024
"""Of requests that wait for the answer to the one before them."""
FRAMING = 8
"""Bytes that may be spent on chunk sizes for each byte of a body, beyond `HELD_BYTES`."""
GOODBYE_S = 5.0
"""In this time a last answer must have gone out."""
CODES = {400: "malformed_request", 408: "request_timeout", 414: "uri_too_long", 431: "headers_too_large"}


class Phase(Enum):
    """What the connection waits for."""

    FIRST_BYTE = "first_byte"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"
    """Ours, while the whole request is here."""
    IDLE = "idle"
    """The next request; uvicorn's keep-alive limits it."""
    GONE = "gone"


FIRST_BYTE, HEAD, BODY, ANSWER, IDLE, GONE = Phase  # Python 3.11 looks a member of an enumeration up slowly


class TooFast(Exception):
    """A request was complete before the one before it had its answer."""


class Connection(asyncio.BufferedProtocol):
    """Not an `asyncio.Protocol`: a buffered one says itself how much is read at once."""

    def __init__(self, connections: Connections, **uvicorns: Any) -> None:
        self._all = connections
        self._limits = connections.limits
        self._http = _Http(self, **uvicorns)
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._phase = FIRST_BYTE
        self._since = connections.now
        self._begun = False
        """Whether the parser is in the midst of a head; it may be while the request before has no answer yet."""
        self._head_bytes = 0
        self._body_bytes = 0
        self._framing_bytes = 0
        self._unread = 0
        self._taken = 0
        self._unread_since = 0.0
        self.peer = ""
        self.address = ""
        self.authenticated = False

    @property
    def answering(self) -> bool:
        return self._phase is ANSWER

    @property
    def gone(self) -> bool:
        """Nobody will read what is sent now."""
        return self._phase is GONE

    def mark_authenticated(self, caller: Caller) -> None:
        """A request on it has shown a good token of this caller."""
        if not self.authenticated:
            self.authenticated = self._all.mark_authenticated(self, caller)

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = opened = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        remote = get_remote_addr(opened)
        self.peer = remote[0] if remote else ""
        self.address = counted_as(self.peer)
        if not self._all.admit(self):
            self.end("full")
            return
        self._http.connection_made(opened)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._all.buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._all.buffer[:nbytes])
        if self._phase is GONE:
            return
        if not self._held and self._phase is not ANSWER:
            self._feed(data)
            return
        self._held += data
        if len(self._held) > HELD_BYTES:
            self.end("too_far_ahead")
        elif self._http.flow is not None:
            self._http.flow.pause_reading()

    def eof_received(self) -> None:
        self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = GONE
        self._held = b""
        self._all.forget(self)
        if self._http.transport is not None:
            self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    # What the parser sees

    def _feed(self, data: bytes) -> None:
        """One request after the other: what follows one that is not answered yet is held back, and nothing more is
        read."""
        while data:
            if self._phase is ANSWER:
                self._held = data
                self._http.flow.pause_reading()
                return
            in_body = self._phase is BODY
            piece, data = _split(data, after=2 if not self._begun and not in_body else 1)
            if self._phase in (IDLE, FIRST_BYTE):
                self._enter(HEAD)
            carried = self._body_bytes
            self._http.data_received(piece)
            if self._phase is GONE:
                return
            if not in_body:
                self._head_bytes += len(piece) if self._phase is HEAD else 0
                self._require_small_head()
            elif self._phase is BODY:
                self._framing_bytes += len(piece) - (self._body_bytes - carried)
                if self._framing_bytes > HELD_BYTES + FRAMING * self._body_bytes:
                    self.refuse(400, "framing")
        self._held = b""

    def _require_small_head(self) -> None:
        if self._phase is not HEAD:
            return
        if len(self._http.url or b"") > self._limits.url_bytes:
            self.refuse(414, "uri_too_long")
        elif (
            self._head_bytes > self._limits.head_bytes or len(self._http.headers or ()) > self._limits.headers
        ):
            self.refuse(431, "headers_too_large")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self._all.now

    # What uvicorn's protocol tells

    def head_began(self) -> None:
        self._begun = True

    def head_ended(self) -> None:
        self._begun = False
        self._head_bytes = self._body_bytes = self._framing_bytes = 0
        self._enter(BODY)

    def body_came(self, nbytes: int) -> None:
        self._body_bytes += nbytes

    def message_ended(self) -> None:
        self._enter(IDLE if self._http.cycle.response_complete else ANSWER)

    def answered(self) -> None:
        """Where it was answered before its body was there, the rest of that has its deadline from now on."""
        self._all.mark_used(self)
        if self._phase is GONE:
            return
        if self._phase is BODY:
            self._enter(BODY)
        else:
            self._enter(HEAD if self._begun else IDLE)
        if self._held:
            held, self._held = self._held, b""
            self._feed(held)

    # The end

    def refuse(self, status: int, reason: str) -> None:
        """The last answer on this connection. One that has begun is broken off instead."""
        cycle = self._http.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if self._transport is None or self._transport.is_closing() or begun or self._phase is ANSWER:
            self.end(reason)
            return
        CLOSED.labels(reason).inc()
        answered = self._phase is BODY and cycle.response_complete
        if not answered:
            self._transport.write(on_the_wire(status, CODES[status]))
        self._leave()
        self._transport.close()

    def end(self, reason: str) -> None:
        CLOSED.labels(reason).inc()
        self._leave()
        if self._transport is not None:
            self._transport.abort()
        self._all.forget(
            self
        )  # the transport tells of its end in a later turn of the loop; the place is free now

    def _leave(self) -> None:
        """Whoever reads or writes for it is told now; the transport may need longer."""
        self._enter(GONE)
        self._held = b""
        self._http.tell_gone()

    def check(self, now: float) -> None:
        if self._transport is None or self._is_unread(self._transport, now):
            return
        waited = now - self._since
        match self._phase:
            case Phase.FIRST_BYTE if waited > self._limits.first_byte_s:
                self.end("first_byte")
            case Phase.HEAD if waited > self._limits.head_s:
                self.refuse(408, "head")
            case Phase.BODY if self._http.flow.read_paused:
                self._since = now  # it is we who do not read
            case Phase.BODY if waited > self._limits.body_s + self._body_bytes / self._limits.body_rate:
                self.refuse(408, "body")
            case Phase.GONE if waited > GOODBYE_S:
                self.end("goodbye")

    def _is_unread(self, transport: asyncio.Transport, now: float) -> bool:
        """Whether its answers lie here because the client does not take them; then it is over."""
        waiting = transport.get_write_buffer_size()
        if not waiting or not self._unread:
            self._unread, self._taken, self._unread_since = waiting, 0, now
            return False
        self._taken += max(0, self._unread - waiting)
        self._unread = waiting
        if now - self._unread_since < self._limits.unread_s:
            return False
        enough = self._taken >= self._limits.unread_least
        self._taken, self._unread_since = 0, now
        if not enough:
            self.end("unread")
        return not enough


def _split(data: bytes, *, after: int) -> tuple[bytes, bytes]:
    """What the parser may see, and the rest: the cut is after the first request line, or the second where the parser
    is not in the midst of one, so that no two requests are complete before it."""
    end = data.find(VERSION) + len(VERSION)
    if after == 2 and end >= len(VERSION):
        end = data.find(VERSION, end) + len(VERSION)
    return (data, b"") if end < len(VERSION) else (data[:end], data[end:])


class _Http(HttpToolsProtocol):
    """uvicorn's protocol, which tells its connection how far it is."""

    def __init__(self, connection: Connection, **uvicorns: Any) -> None:
        self._connection = connection
        self.url = b""
        super().__init__(**uvicorns)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._connection.head_began()
        self.scope["gerai.connection"] = self._connection  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            raise TooFast
        limits = self._connection._limits
        if len(self.url) > limits.url_bytes or len(self.headers) > limits.headers:
            self._connection.refuse(414 if len(self.url) > limits.url_bytes else 431, "head_limit")
            return
        super().on_headers_complete()
        self._connection.head_ended()

    def on_body(self, body: bytes) -> None:
        if not self._connection.gone:
            self._connection.body_came(len(body))
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._connection.gone:
            super().on_message_complete()
            self._connection.message_ended()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._connection.answered()

    def send_400_response(self, msg: str) -> None:
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
