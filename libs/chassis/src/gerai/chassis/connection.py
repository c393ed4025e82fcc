"""One connection, between the socket and uvicorn's HTTP protocol: what reaches the parser is bounded in size and time.

uvicorn's protocol (`HttpToolsProtocol`) has no deadline but keep-alive, no limit of a head, and parses as many pipelined
requests as come. This one hands it a piece at a time, one request after the other, and watches over the phases of each.
`http_protocol` is the part of it that relies on names inside uvicorn.
"""

import asyncio
from enum import Enum
from typing import Any, cast

from uvicorn.protocols.utils import get_remote_addr

from gerai.chassis.addresses import counted_as
from gerai.chassis.auth import Caller
from gerai.chassis.connections import CLOSED, Connections
from gerai.chassis.http_protocol import HttpProtocol
from gerai.chassis.problems import on_the_wire

HEAD_END = b"\r\n\r\n"
"""The parser accepts no other end of a head: it refuses a line feed without a carriage return."""
HELD_BYTES = 64 * 1024
"""Of requests that wait for the answer to the one before them."""
FRAMING = 8
"""Overhead of chunked encoding allowed for each byte of body, beyond `HELD_BYTES`."""
UNREAD_BYTES = 64 * 1024
"""What a stranger may still send after the last answer; more is left in the socket until the connection ends."""
UNREAD_BYTES_OF_CALLERS = 16 * 1024 * 1024
"""What a caller may: a client that sends a whole file before it reads still hears why the file was refused."""
GOODBYE_S = 5.0
"""In this time a last answer must have gone out and the client must have closed its side."""
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
    """Nothing: whatever still comes is thrown away unread."""


FIRST_BYTE, HEAD, BODY, ANSWER, IDLE, GONE = Phase  # Python 3.11 looks a member of an enumeration up slowly


class Connection(asyncio.BufferedProtocol):
    """Not an `asyncio.Protocol`: a buffered one says itself how much is read at once."""

    def __init__(self, connections: Connections, **uvicorns: Any) -> None:
        self._all = connections
        self.limits = connections.limits
        self._uvicorns = uvicorns
        self._protocol: HttpProtocol | None = None
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._phase = FIRST_BYTE
        self._since = connections.now
        self._begun = False
        """Whether the parser is in the midst of a head."""
        self._head_bytes = 0
        self._last_of_head = b""
        """Its last three bytes so far: the end of a head may come in two portions."""
        self._body_left: int | None = None
        """Bytes of the body that are still to come, or None where it is chunked."""
        self._body_bytes = 0
        self._framing_bytes = 0
        self._bodiless_bytes = 0
        """Of a chunked body, since the last byte that was not framing. Trailers are among them."""
        self._thrown_away = 0
        self._unread = 0
        self._taken = 0
        self._unread_since = 0.0
        self.peer = ""
        self.address = ""
        self.authenticated = False

    @property
    def _http(self) -> HttpProtocol:
        """From the moment in which it has a place until its transport is gone."""
        if self._protocol is None:
            raise RuntimeError("the connection has no place, or has lost it")
        return self._protocol

    @property
    def answering(self) -> bool:
        return self._phase is ANSWER

    @property
    def gone(self) -> bool:
        """Nobody will read what is sent now."""
        return self._phase is GONE

    @property
    def expects_head(self) -> bool:
        return self._phase is HEAD

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
        if (why_not := self._all.admit(self)) is not None:
            self.end(why_not)
            return
        self._protocol = HttpProtocol(self, **self._uvicorns)
        self._protocol.connection_made(opened)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._all.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._phase is GONE:
            self._throw_away(nbytes)
            return
        data = bytes(self._all.buffer[:nbytes])
        if not self._held and self._phase is not ANSWER:
            self._feed(data)
            return
        self._held += data
        if len(self._held) > HELD_BYTES:
            self.end("too_far_ahead")
        else:
            self._http.flow.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Connection, protocol and transport let go of each other: left as a circle, they would stay until the next
        collection of garbage, which is rare and holds everybody up."""
        self._phase = GONE
        self._held = b""
        self._all.forget(self)
        protocol, self._protocol, self._transport = self._protocol, None, None
        if protocol is not None:
            protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()

    # What the parser sees

    def _feed(self, data: bytes) -> None:
        """One request after the other: what follows one that is not answered yet is held back, and nothing more is
        read."""
        while data:
            if self._phase is ANSWER:
                self._held = data
                self._http.flow.pause_reading()
                return
            end = self._end_of_body(data) if self._phase is BODY else self._end_of_head(data)
            piece, data = (data, b"") if end >= len(data) else (data[:end], data[end:])
            if self._phase is BODY:
                self._feed_body(piece)
            else:
                self._feed_head(piece)
            if self._phase is GONE:
                return
        self._held = b""

    def _end_of_head(self, data: bytes) -> int:
        """How much of it the parser may see: the rest of one head. Empty lines may stand before a head."""
        if not self._begun:
            empty = len(data) - len(data.lstrip(b"\r\n"))
            self._last_of_head = b""
            if empty:
                return empty
        before = len(self._last_of_head)
        across = (self._last_of_head + data[:3]).find(HEAD_END)
        if across >= 0:
            return across + len(HEAD_END) - before
        within = data.find(HEAD_END)
        if within >= 0:
            return within + len(HEAD_END)
        self._last_of_head = (self._last_of_head + data[-3:])[-3:]
        return len(data)

    def _end_of_body(self, data: bytes) -> int:
        """The parser alone finds the end of a chunked body: a request behind it in the same portion is not read, and
        the connection ends with the answer (`ends_with_this`)."""
        return len(data) if self._body_left is None else self._body_left

    def _feed_head(self, piece: bytes) -> None:
        if self._phase is not HEAD:
            self._enter(HEAD)
        self._head_bytes += len(piece)
        self._http.data_received(piece)
        self._require_small_head()
        if self._phase is BODY:
            self._body_left = self._http.await_body()

    def _feed_body(self, piece: bytes) -> None:
        carried = self._body_bytes
        if self._body_left is not None:
            self._body_left -= len(piece)
        self._http.data_received(piece)
        if self._phase is not BODY:
            return
        came = self._body_bytes - carried
        self._framing_bytes += len(piece) - came
        self._bodiless_bytes = 0 if came else self._bodiless_bytes + len(piece)
        if (
            self._framing_bytes > HELD_BYTES + FRAMING * self._body_bytes
            or self._bodiless_bytes > self.limits.head_bytes
        ):
            self.refuse(400, "framing")

    def _throw_away(self, nbytes: int) -> None:
        self._thrown_away += nbytes
        most = UNREAD_BYTES_OF_CALLERS if self.authenticated else UNREAD_BYTES
        if self._thrown_away > most and self._transport is not None:
            self._transport.pause_reading()

    def _require_small_head(self) -> None:
        if self._phase is not HEAD:
            return
        if len(self._http.url or b"") > self.limits.url_bytes:
            self.refuse(414, "uri_too_long")
        elif self._head_bytes > self.limits.head_bytes or len(self._http.headers or ()) > self.limits.headers:
            self.refuse(431, "headers_too_large")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self._all.now

    # What uvicorn's protocol tells

    def head_began(self) -> None:
        self._begun = True

    def head_ended(self) -> None:
        self._begun = False
        self._head_bytes = self._body_bytes = self._framing_bytes = self._bodiless_bytes = 0
        self._enter(BODY)

    def body_came(self, nbytes: int) -> None:
        self._body_bytes += nbytes

    def message_ended(self) -> None:
        self._enter(ANSWER)

    def answered(self) -> None:
        self._all.mark_used(self)
        if self._phase is GONE or self._transport is None:
            return
        self._enter(IDLE)
        held, self._held = self._held, b""
        if held and not self._transport.is_closing():
            self._feed(held)

    # The end

    def refuse(self, status: int, reason: str) -> None:
        """The last answer on this connection. One that has begun is broken off instead."""
        if self._phase is GONE:
            return
        cycle = self._http.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if self._transport is None or self._transport.is_closing() or begun or self._phase is ANSWER:
            self.end(reason)
            return
        self._transport.write(on_the_wire(status, CODES[status]))
        self.linger(reason)

    def linger(self, reason: str) -> None:
        """Say that nothing more is answered, and wait for the client to close. If we closed at once, with bytes of
        its unread, the system would reset the connection, and the answer could be lost on the way."""
        CLOSED.labels(reason).inc()
        self._leave()
        if self._transport is None or self._transport.is_closing():
            return
        self._http.flow.resume_reading()
        self._transport.write_eof()

    def end(self, reason: str) -> None:
        CLOSED.labels(reason).inc()
        self._leave()
        if self._transport is not None:
            self._transport.abort()
        self._all.forget(self)  # the transport tells of its end in a later turn; the place is free now

    def _leave(self) -> None:
        """Whoever reads or writes for it is told now; the transport may need longer."""
        self._enter(GONE)
        self._held = b""
        if self._protocol is not None:
            self._protocol.tell_gone()

    def check(self, now: float) -> None:
        if self._transport is None or self._is_unread(self._transport, now):
            return
        waited = now - self._since
        match self._phase:
            case Phase.FIRST_BYTE if waited > self.limits.first_byte_s:
                self.end("first_byte")
            case Phase.HEAD if waited > self.limits.head_s:
                self.refuse(408, "head")
            case Phase.BODY if self._http.flow.read_paused:
                self._since = now  # it is we who do not read
            case Phase.BODY if waited > self.limits.body_s + self._body_bytes / self.limits.body_rate:
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
        if now - self._unread_since < self.limits.unread_s:
            return False
        enough = self._taken >= self.limits.unread_least
        self._taken, self._unread_since = 0, now
        if not enough:
            self.end("unread")
        return not enough
