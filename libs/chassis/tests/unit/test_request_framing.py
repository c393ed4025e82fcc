"""Where a request begins and ends: bytes that are no part of one never cost much, never run, and are never kept."""

import asyncio
from dataclasses import dataclass, field
from math import inf

import pytest
from starlette.types import Message, Receive, Scope, Send
from wire import Listener, Wire, soon

from gerai.chassis.auth import Caller
from gerai.chassis.connection import GOODBYE_S, UNREAD_BYTES
from gerai.chassis.connections import READ_BYTES, Limits
from gerai.chassis.http_protocol import HttpProtocol

LIMITS = Limits(connections=8, strangers=4, strangers_per_address=3)
CHUNKED = b"POST /read HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n"


@dataclass
class App:
    """Answers `/read` when the body is here and everything else at once. `/held` waits until it is let go."""

    ran: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ran.append(scope["path"])
        if scope["path"] == "/held":
            await self.go.wait()
        if scope["path"] == "/read":
            message: Message = {"more_body": True}
            body = b""
            while message.get("more_body"):
                message = await receive()
                body += message.get("body", b"")
            self.bodies.append(body)
        self.headers = scope["headers"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def listener(app: App) -> Listener:
    return Listener(app, LIMITS)


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each portion that the parser was given."""
    given: list[int] = []
    feed = HttpProtocol.data_received

    def counted(protocol: HttpProtocol, data: bytes) -> None:
        given.append(len(data))
        feed(protocol, data)

    monkeypatch.setattr(HttpProtocol, "data_received", counted)
    return given


def answers(wire: Wire) -> list[int]:
    return [int(one[:3]) for one in wire.received.split(b"HTTP/1.1 ")[1:]]


async def settle() -> None:
    """Let everything run that has been started; there is nothing here that waits for longer."""
    for _ in range(20):
        await asyncio.sleep(0)


class TestCost:
    @pytest.mark.parametrize("filling", [b"HTTP/", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n"])
    @pytest.mark.parametrize(
        "head", [b"POST /read HTTP/1.1\r\ncontent-length: 1048576\r\n\r\n", CHUNKED + b"100000\r\n"]
    )
    async def test_what_a_body_is_filled_with_costs_nothing(
        self, listener: Listener, app: App, portions: list[int], head: bytes, filling: bytes
    ) -> None:
        wire = listener.opens()
        body = (filling * 2**18)[: 2**20]
        for sent in (head, *(body[at : at + READ_BYTES] for at in range(0, len(body), READ_BYTES))):
            wire.says(sent)
            await soon(lambda: not wire.paused, because="more is read")
        if head.startswith(CHUNKED):
            wire.says(b"\r\n0\r\n\r\n")
        assert answers(wire) == [] and await wire.hears() and answers(wire) == [200]
        assert app.bodies == [body]
        assert len(portions) <= 2 * len(body) / READ_BYTES

    @pytest.mark.parametrize("filling", [b"HTTP/", b"\r", b"x"])
    async def test_nor_what_a_head_is_filled_with(
        self, listener: Listener, portions: list[int], filling: bytes
    ) -> None:
        wire = listener.opens()
        wire.says(b"GET /quick HTTP/1.1\r\na: " + filling * (30_000 // len(filling)) + b"\r\n\r\n")
        await wire.hears()
        assert len(portions) <= 3

    async def test_nor_empty_lines_before_it(self, listener: Listener, portions: list[int]) -> None:
        wire = listener.opens()
        wire.says(b"\r\n" * 15_000 + SECOND)
        await wire.hears()
        assert answers(wire) == [200]
        assert len(portions) <= 4


class TestAfterAnEarlyAnswer:
    """One that was given before the body was here."""

    HEAD = b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000000\r\n\r\n"

    async def answered(self, listener: Listener, head: bytes = HEAD) -> Wire:
        wire = listener.opens()
        wire.closes_too = False
        wire.says(head)
        await wire.hears()
        return wire

    async def test_the_answer_says_that_it_is_the_last_and_the_client_has_time_to_read_it(
        self, listener: Listener
    ) -> None:
        wire = await self.answered(listener)
        assert answers(wire) == [200] and b"connection: close" in wire.received
        assert wire.ended and not wire.closed, "closing at once would reset the connection"
        wire.says(b"x" * UNREAD_BYTES)
        assert not wire.closed
        listener.at(GOODBYE_S + 1)
        assert wire.closed and len(listener.connections) == 0

    async def test_little_more_is_read_however_fast_it_comes(self, listener: Listener) -> None:
        wire = await self.answered(listener)
        taken = 0
        while not wire.paused:
            wire.says(b"x" * READ_BYTES)
            taken += READ_BYTES
        assert taken <= UNREAD_BYTES + READ_BYTES

    async def test_a_caller_may_send_a_whole_file_before_it_reads(self, listener: Listener) -> None:
        wire = await self.answered(listener)
        wire._connection.mark_authenticated(Caller("officer-1", "a", frozenset(), inf))
        for _ in range(10 * 1024 * 1024 // READ_BYTES):
            wire.says(b"x" * READ_BYTES)
        assert not wire.paused

    @pytest.mark.parametrize("head", [HEAD, CHUNKED.replace(b"read", b"early")], ids=["length", "chunked"])
    @pytest.mark.parametrize("behind", [SECOND, b"0\r\n\r\n" + SECOND, b"x" * 100 + SECOND])
    async def test_nothing_that_follows_is_run(
        self, listener: Listener, app: App, portions: list[int], head: bytes, behind: bytes
    ) -> None:
        wire = await self.answered(listener, head)
        parsed = len(portions)
        wire.says(behind)
        await settle()
        assert app.ran == ["/early"] and answers(wire) == [200] and len(portions) == parsed

    async def test_nor_what_was_promised_after_a_hundred_continue_and_left_out(
        self, listener: Listener, app: App
    ) -> None:
        wire = await self.answered(
            listener, b"POST /early HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 99\r\n\r\n"
        )
        wire.says(SECOND)
        await settle()
        assert app.ran == ["/early"] and b"100 Continue" not in wire.received

    async def test_a_body_that_is_here_by_then_leaves_the_connection_open(
        self, listener: Listener, app: App
    ) -> None:
        wire = listener.opens()
        wire.says(b"POST /early HTTP/1.1\r\ncontent-length: 5\r\n\r\n")
        wire.says(b"12345" + SECOND)
        await wire.hears(2)
        assert app.ran == ["/early", "/second"] and b"connection: close" not in wire.received

    async def test_a_process_that_stops_ends_the_connection_with_the_answer_to_a_body_that_was_on_its_way(
        self, listener: Listener, app: App
    ) -> None:
        wire = listener.opens()
        wire.says(b"POST /read HTTP/1.1\r\ncontent-length: 1\r\n\r\n")
        listener.stops()
        wire.says(b"x")
        await wire.hears()
        assert app.bodies == [b"x"] and b"connection: close" in wire.received and wire.closed

    async def test_a_refused_head_can_be_read_too(self, listener: Listener) -> None:
        wire = listener.opens()
        wire.closes_too = False
        wire.says(b"GET /" + b"a" * 40_000)
        assert answers(wire) == [414] and wire.ended and not wire.closed


class TestTrailers:
    async def test_they_never_become_headers(self, listener: Listener, app: App) -> None:
        wire = listener.opens()
        wire.says(CHUNKED + b"1\r\nx\r\n0\r\nauthorization: b\r\nx-forwarded-for: 10.9.9.9\r\n\r\n")
        await wire.hears()
        assert answers(wire) == [200]
        assert app.headers == [(b"transfer-encoding", b"chunked")]

    @pytest.mark.parametrize("trailer", [b"a: b\r\n", b"a: " + b"b" * 1_000, b"a" * 1_000])
    async def test_they_end_however_large_the_body_was(self, listener: Listener, trailer: bytes) -> None:
        wire = listener.opens()
        wire.says(CHUNKED + b"c000\r\n" + b"x" * 0xC000 + b"\r\n0\r\n")
        sent = 0
        while not wire.closed:
            await soon(lambda: not wire.paused, because="more is read")
            wire.says(trailer)
            sent += len(trailer)
        assert answers(wire) == [400]
        assert sent <= LIMITS.head_bytes + READ_BYTES


class TestWhatIsNotRun:
    @pytest.mark.parametrize(
        "first",
        [
            b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n",
            b"nonsense\r\n\r\n",
        ],
    )
    @pytest.mark.parametrize("second", [SECOND, b"GET /b\r\n\r\n"])
    async def test_what_stands_behind_a_refused_request(
        self, listener: Listener, app: App, first: bytes, second: bytes
    ) -> None:
        wire = listener.opens()
        wire.closes_too = False
        wire.says(first + second)
        wire.says(second)
        await settle()
        assert app.ran == [] and len(answers(wire)) == 1

    @pytest.mark.parametrize("version", [b"HTTP/1.1\r\nconnection: close", b"HTTP/1.0"])
    async def test_what_stands_behind_a_clients_last_request(
        self, listener: Listener, app: App, version: bytes
    ) -> None:
        wire = listener.opens()
        wire.says(b"GET /first " + version + b"\r\n\r\n" + SECOND)
        await wire.hears()
        await settle()
        assert app.ran == ["/first"] and wire.closed

    @pytest.mark.parametrize(
        "behind", [SECOND, b"nonsense", b"GET /b\r\n\r\n"], ids=["request", "nonsense", "0.9"]
    )
    async def test_what_stands_behind_a_chunked_body_in_one_portion(
        self, listener: Listener, app: App, behind: bytes
    ) -> None:
        """The parser alone knows where such a body ends, and cannot be stopped there."""
        wire = listener.opens()
        wire.says(CHUNKED)
        wire.says(b"1\r\nx\r\n0\r\n\r\n" + behind)
        await wire.hears()
        await settle()
        assert app.ran == ["/read"] and app.bodies == [b"x"]
        assert answers(wire) == [200] and b"connection: close" in wire.received and wire.closed

    async def test_a_chunked_body_in_its_own_portions_leaves_the_connection_open(
        self, listener: Listener, app: App
    ) -> None:
        wire = listener.opens()
        for count in (1, 2):
            for byte in CHUNKED + b"1\r\nx\r\n0\r\n\r\n":
                wire.says(bytes([byte]))
            await wire.hears(count)
        assert app.bodies == [b"x", b"x"] and answers(wire) == [200, 200]

    @pytest.mark.parametrize(
        "head",
        [
            b"GET /b",
            b"GET /b HTTP/0.9",
            b"GET /b HTTP/2.0",
            b"GET /b HTTP/1.2",
            b"PRI * HTTP/2.0",
            b"CONNECT a:1 HTTP/1.1",
            b"CONNECT /a HTTP/1.1",
            b"GET /b HTTP/1.1\nhost: x",
            b"GET /b HTTP/1.1\r\na: b\nc: d",
            b"GET /b HTTP/1.1\r\na: b\rc: d",
            b"GET /b HTTP/1.1\r\na: b\r\n c",
            b"GET /b HTTP/1.1\r\n a: b",
            b"GET /b HTTP/1.1\r\na: b\0c",
            b"GET /b HTTP/1.1\r\na : b",
            b"GET /b HTTP/1.1\r\n: b",
            b"POST /b HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1",
            b"POST /b HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1",
            b"POST /b HTTP/1.1\r\ncontent-length: 1, 1",
            b"POST /b HTTP/1.1\r\ncontent-length: -1",
            b"POST /b HTTP/1.1\r\ncontent-length: +1",
            b"POST /b HTTP/1.1\r\ncontent-length: 0x1",
            b"POST /b HTTP/1.1\r\ncontent-length:",
            b"POST /b HTTP/1.1\r\ncontent-length: 99999999999999999999",
            b"POST /b HTTP/1.1\r\ncontent-length: " + b"0" * 5_000 + b"1",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: chunked, chunked",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: gzip, chunked",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: gzip",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: xchunked",
            b"POST /b HTTP/1.1\r\ntransfer-encoding: chunked, identity",
            b"POST /b HTTP/1.0\r\ntransfer-encoding: chunked",
            b"POST /b HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 50",
            b"POST /b HTTP/1.1\r\nconnection: upgrade\r\nupgrade: x\r\ntransfer-encoding: chunked",
        ],
    )
    async def test_what_two_readers_could_read_in_two_ways(
        self, listener: Listener, app: App, head: bytes
    ) -> None:
        wire = listener.opens()
        wire.closes_too = False
        wire.says(head + b"\r\n\r\n" + SECOND)
        await settle()
        assert app.ran == [] and answers(wire) == [400] and wire.ended

    @pytest.mark.parametrize(
        "head",
        [
            b"GET http://elsewhere/early HTTP/1.1\r\nhost: x",
            b"GET /early HTTP/1.1\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: a",
            b"GET /early HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket",
            b"GET /early HTTP/1.1\r\ncontent-length: 0",
            b"GET /early HTTP/1.1\r\na:",
        ],
        ids=["absolute form", "h2c", "websocket", "no body", "empty header"],
    )
    async def test_what_is_unusual_and_plain_is_run_and_the_next_request_too(
        self, listener: Listener, app: App, head: bytes
    ) -> None:
        wire = listener.opens()
        wire.says(head + b"\r\n\r\n" + SECOND)
        await wire.hears(2)
        assert app.ran == ["/early", "/second"] and answers(wire) == [200, 200]
