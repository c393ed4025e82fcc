"""What one connection may do to a process: every phase has its time, every size its limit, and the rest is unharmed."""

import asyncio
import inspect
import json
import re
from importlib.metadata import version
from ipaddress import ip_network

import httptools
import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from wire import Listener, Wire, soon

from gerai.chassis import connections
from gerai.chassis.addresses import Proxies
from gerai.chassis.auth import Caller
from gerai.chassis.connections import Limits, ProcessFull, places

LIMITS = Limits(connections=8, strangers=4, strangers_per_address=3)
ROOMY = Limits(connections=32, strangers=16, strangers_per_address=8)
GET = b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


class App:
    """`/quick` answers at once, `/read` when the body is here, `/slow` when it is told, `/big` with a megabyte,
    `/staff` shows a token: another regency's each time, or with `/staff/REGENCY/SUBJECT` that one's."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.left: list[str] = []
        self.go = asyncio.Event()
        self._known = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        size = 2
        if path.startswith("/staff"):
            self._known += 1
            regency, subject = path.split("/")[2:] or (f"regency-{self._known}", "officer")
            scope["gerai.connection"].mark_authenticated(Caller(subject, regency, frozenset(), 0.0))
        if path == "/slow":
            await self.go.wait()
        if path == "/big":
            size = 1_000_000
        if path == "/read":
            message: Message = {"more_body": True}
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.left.append(path)
                    return
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * size})
        self.answered.append(path)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def listener(app: App) -> Listener:
    return Listener(app, LIMITS)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def shown(listener: Listener, who: str) -> Wire:
    """A new connection on which `regency/subject` has shown a token."""
    wire = listener.opens()
    wire.says(GET.replace(b"quick", b"staff/" + who.encode()))
    await wire.hears()
    return wire


class TestDeadlines:
    async def test_who_never_speaks_is_let_go(self, listener: Listener) -> None:
        silent = listener.opens()
        listener.at(9)
        assert not silent.closed
        listener.at(11)
        assert silent.closed and silent.received == b""
        assert len(listener.connections) == 0

    @pytest.mark.parametrize("beginning", [b"GET /quick HTTP/1.1\r\nhost", b"\r\n", b"G"])
    async def test_a_head_that_does_not_end_is_told_so(self, listener: Listener, beginning: bytes) -> None:
        slow = listener.opens()
        slow.says(beginning)
        listener.at(9)
        assert not slow.closed
        slow.says(b"\r\n" if beginning == b"\r\n" else b"E" if beginning == b"G" else b"x")
        listener.at(11)
        assert slow.closed
        head, _, body = slow.received.partition(b"\r\n\r\n")
        assert status_of(head) == 408 and b"connection: close" in head
        assert json.loads(body)["code"] == "request_timeout"

    async def test_also_the_second_head_of_a_connection(self, listener: Listener) -> None:
        wire = listener.opens()
        wire.says(GET)
        await wire.hears()
        listener.at(60)
        assert not wire.closed, "a client may think for as long as the keep-alive lasts"
        wire.says(b"\r\n")
        listener.at(71)
        assert wire.closed

    async def test_a_body_that_does_not_come_is_told_so_and_its_request_ends(
        self, listener: Listener, app: App
    ) -> None:
        wire = listener.opens()
        wire.says(POST % 100)
        wire.says(b"x" * 99)
        await asyncio.sleep(0)
        listener.at(11)
        assert status_of(wire.received) == 408 and wire.closed
        await soon(lambda: app.left == ["/read"], because="the application is told that nobody is there")

    async def test_a_body_byte_by_byte_is_no_progress_and_a_slow_line_is(self, listener: Listener) -> None:
        drop, line = listener.opens(), listener.opens()
        for wire in (drop, line):
            wire.says(POST % 60_000)
            await asyncio.sleep(0)
        for second in range(1, 12):
            drop.says(b"x")
            line.says(b"x" * 4_500)
            await asyncio.sleep(0)
            listener.at(second)
        assert status_of(drop.received) == 408
        assert not line.closed
        line.says(b"x" * (60_000 - 11 * 4_500))
        assert status_of(await line.hears()) == 200

    async def test_while_we_do_not_read_the_client_is_not_late(self, listener: Listener, app: App) -> None:
        wire = listener.opens()
        wire.says(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n")
        wire.says(b"x" * 80_000)
        assert wire.paused
        listener.at(100)
        assert not wire.closed
        app.go.set()
        assert status_of(await wire.hears()) == 200

    async def test_who_does_not_take_the_answer_is_let_go_and_who_takes_it_slowly_is_not(
        self, listener: Listener
    ) -> None:
        deaf, slow = listener.opens(), listener.opens()
        for wire in (deaf, slow):
            wire.reads = False
            wire.says(GET.replace(b"quick", b"big"))
            await soon(lambda wire=wire: wire.unsent > 0, because="the answer waits for its reader")
        for second in range(1, 65):
            slow.takes(500)
            listener.at(second)
        assert deaf.closed and not slow.closed

    async def test_a_last_answer_that_nobody_takes_holds_no_place(self, listener: Listener) -> None:
        wire = listener.opens()
        wire.reads = False
        wire.says(b"nonsense\r\n\r\n")
        assert wire.ended
        listener.at(6)
        assert len(listener.connections) == 0


class TestSizes:
    async def test_a_head_of_the_usual_size_passes(self, listener: Listener) -> None:
        wire = listener.opens()
        wire.says(
            b"GET /quick?%s HTTP/1.1\r\nauthorization: %s\r\n" % (b"q" * 4_000, b"t" * 8_192)
            + b"a: b\r\n" * 50
        )
        wire.says(b"\r\n")
        assert status_of(await wire.hears()) == 200

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
            (b"GET /" + b"a" * 100_000, 414),
            (b"GET / HTTP/1.1\r\na: " + b"b" * 100_000, 431),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5_000, 431),
            (b"\r\n" * 50_000, 431),
            (b"nonsense\r\n\r\n", 400),
            (b"POST /read HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"e" * 100_000, 400),
            (b"POST /read HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: " + b"t" * 100_000, 400),
        ],
        ids=[
            "address",
            "endless address",
            "endless header",
            "many headers",
            "endless headers",
            "empty lines",
            "nonsense",
            "endless chunk",
            "endless trailer",
        ],
    )
    async def test_what_has_no_end_ends(self, listener: Listener, app: App, sent: bytes, status: int) -> None:
        wire = listener.opens()
        wire.says(sent)
        assert status_of(wire.received) == status
        assert wire.closed and len(listener.connections) == 0
        assert json.loads(wire.received.partition(b"\r\n\r\n")[2])["status"] == status
        assert app.answered == []

    async def test_many_requests_at_once_are_answered_in_order_and_wait_in_little_space(
        self, listener: Listener, app: App
    ) -> None:
        wire = listener.opens()
        paths = [f"/{n}" for n in range(300)]
        wire.says("".join(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n" for path in paths).encode()[:16_384])
        assert wire.paused, "no more is read before there is an answer"
        await wire.hears(300)
        assert app.answered == paths

    async def test_wherever_the_pieces_are_cut(self, listener: Listener, app: App) -> None:
        wire = listener.opens()
        sent = GET + POST % 5 + b"HTTP/" + GET + POST % 0 + GET
        for at in range(1, len(sent)):
            before = len(app.answered)
            wire.says(sent[:at])
            await soon(lambda: not wire.paused, because="more is read")
            wire.says(sent[at:])
            await wire.hears(before + 5)
            assert app.answered[before:] == ["/quick", "/read", "/quick", "/read", "/quick"], at

    async def test_requests_behind_an_answer_that_lasts_are_not_kept_without_bound(
        self, listener: Listener
    ) -> None:
        wire = listener.opens()
        wire.says(GET.replace(b"quick", b"slow"))
        for _ in range(20):
            if not wire.closed:
                wire.resume_reading()  # as an application does that waits for the client to leave
                wire.says(GET * 400)
        assert wire.closed


class TestRoom:
    async def test_strangers_of_one_address_make_room_for_each_other(self, listener: Listener) -> None:
        first, second, third = (listener.opens() for _ in range(3))
        elsewhere = listener.opens("10.0.0.2")
        fourth = listener.opens()
        assert [one.closed for one in (first, second, third, elsewhere, fourth)] == [True] + [False] * 4

    async def test_strangers_of_many_addresses_take_half_the_places_and_no_more(
        self, listener: Listener
    ) -> None:
        wires = [listener.opens(f"10.0.1.{n}") for n in range(20)]
        assert [one.closed for one in wires] == [True] * 16 + [False] * 4

    async def test_an_ipv6_network_is_one_address(self, listener: Listener) -> None:
        wires = [listener.opens(f"2001:db8::{n}") for n in range(1, 5)]
        assert [one.closed for one in wires] == [True, False, False, False]

    async def test_who_has_shown_a_token_is_not_driven_out_by_strangers(self, listener: Listener) -> None:
        staff = [listener.opens() for _ in range(3)]
        for one in staff:
            one.says(GET.replace(b"quick", b"staff"))
            await one.hears()
        for n in range(50):
            listener.opens(f"10.0.{n}.1")
            listener.opens()
        assert not any(one.closed for one in staff)

    async def test_where_all_have_shown_one_the_quietest_leaves(self, listener: Listener, app: App) -> None:
        staff = []
        for _ in range(8):
            staff.append(listener.opens())
            staff[-1].says(GET.replace(b"quick", b"staff"))
            await staff[-1].hears()
        staff[0].says(GET)
        await staff[0].hears(2)
        assert status_of((newcomer := listener.opens()).received or b"x 0") == 0
        assert not newcomer.closed
        assert [one.closed for one in staff] == [False, True, *[False] * 6]

    async def test_readiness_falls_with_the_places_of_those_who_have_shown_a_token_and_rises_later(
        self, listener: Listener
    ) -> None:
        for n in range(50):
            listener.opens(f"10.0.{n}.1")
        await listener.connections.require_room()
        staff = []
        for _ in range(4):
            staff.append(listener.opens())
            staff[-1].says(GET.replace(b"quick", b"staff"))
            await staff[-1].hears()
        with pytest.raises(ProcessFull):
            await listener.connections.require_room()
        staff[0].leaves()
        with pytest.raises(ProcessFull):
            await listener.connections.require_room()
        staff[1].leaves()
        await listener.connections.require_room()

    async def test_one_token_takes_a_share_of_the_places_and_the_rest_of_what_it_opens_stays_a_strangers(
        self, app: App
    ) -> None:
        listener = Listener(app, ROOMY)
        crowd = [await shown(listener, "muna/display") for _ in range(60)]
        assert sum(not one.closed for one in crowd) == 4 + ROOMY.strangers_per_address
        await listener.connections.require_room()
        assert not (await shown(listener, "muna/officer")).closed

    async def test_one_regency_takes_half_of_the_places_and_cannot_make_the_process_look_full(
        self, app: App
    ) -> None:
        listener = Listener(app, ROOMY)
        for n in range(60):
            await shown(listener, f"muna/officer-{n}")
        await listener.connections.require_room()
        others = [await shown(listener, f"badung/officer-{n}") for n in range(6)]
        for n in range(50):
            listener.opens(f"10.0.{n}.1")
        assert not any(one.closed for one in others)

    async def test_a_share_that_was_given_back_may_be_taken_again(self, app: App) -> None:
        listener = Listener(app, ROOMY)
        for _ in range(3):
            held = [await shown(listener, "muna/officer") for _ in range(4)]
            for n in range(50):
                listener.opens(f"10.0.{n}.1")
            assert not any(one.closed for one in held)
            for one in held:
                one.leaves()

    async def test_who_was_made_to_leave_counts_no_more_although_its_transport_lasts(self, app: App) -> None:
        """Else the next newcomer would find no place, and a member of staff would leave for a stranger."""
        listener = Listener(app, LIMITS)
        staff = [await shown(listener, f"muna-{n}/officer") for n in range(4)]
        strangers = [listener.opens(f"10.0.1.{n}") for n in range(4)]
        newcomers = [listener.opens(f"10.0.2.{n}") for n in range(3)]
        assert len(listener.connections) == 8
        assert not any(one.closed for one in [*staff, *newcomers])
        assert [one.closed for one in strangers] == [True] * 3 + [False]
        await asyncio.sleep(0)
        assert len(listener.connections) == 8

    async def test_our_own_proxies_are_no_strangers(self, app: App) -> None:
        """One of them brings everybody: it may hold more than a stranger's share, and is not driven out."""
        listener = Listener(app, LIMITS, Proxies([ip_network("10.9.0.0/16")]))
        ours = [listener.opens("10.9.0.1") for _ in range(6)]
        for n in range(50):
            listener.opens(f"10.0.{n}.1")
        assert not any(one.closed for one in ours)

    def test_there_are_never_more_places_than_descriptors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_to: list[tuple[int, int]] = []
        monkeypatch.setattr(connections.resource, "setrlimit", lambda _, limits: set_to.append(limits))
        for soft, hard, room in ((1_024, 4_096, 2_000), (1_024, 1_024, 768), (100, 100, 16), (-1, -1, 2_000)):
            monkeypatch.setattr(connections.resource, "getrlimit", lambda _, both=(soft, hard): both)
            assert places(2_000) == room
        assert set_to == [(2_256, 4_096), (1_024, 1_024), (100, 100)]


class TestUvicorn:
    """We stand between the socket and a class of uvicorn's, and use names that it promises nobody."""

    def test_the_version_is_the_one_that_was_looked_at(self) -> None:
        assert version("uvicorn").startswith("0.54."), "read its httptools_impl.py again, and then this file"

    def test_what_we_use_is_there(self) -> None:
        made = set(inspect.getsource(HttpToolsProtocol.__init__).replace("self.", " ").split())
        assert {"parser", "cycle:", "flow:", "transport:", "headers:"} <= made
        ours = {"on_message_begin", "on_headers_complete", "on_body", "on_message_complete", "data_received"}
        ours |= {"on_header", "shutdown"}
        ours |= {
            "on_response_complete",
            "send_400_response",
            "_unset_keepalive_if_required",
            "connection_lost",
        }
        assert {name for name in ours if not inspect.isfunction(vars(HttpToolsProtocol).get(name))} == set()
        cycle = inspect.getsource(RequestResponseCycle)
        for name in ("disconnected", "response_complete", "response_started", "message_event", "keep_alive"):
            assert f"self.{name}" in cycle
        assert set(re.findall(r"self\.transport\.(\w+)", cycle)) == {"write", "close", "is_closing"}
        assert issubclass(httptools.HttpParserCallbackError, httptools.HttpParserError)
