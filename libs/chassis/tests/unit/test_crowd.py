"""What a crowd of strangers costs: how many of them come in at once, and what they leave behind."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from wire import Listener, Wire

from gerai.chassis.connections import NEW_OF_EACH, Limits
from gerai.chassis.edge import Edge
from gerai.chassis.http_protocol import HttpProtocol

SHARE = 128
LIMITS = Limits(connections=2_000, strangers=1_000, strangers_per_address=SHARE)
GET = b"GET /read HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"


async def read(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("ok")


@pytest.fixture
def listener() -> Listener:
    return Listener(Edge(Starlette(routes=[Route("/read", read, methods=["GET", "POST"])])), LIMITS)


@pytest.fixture
def parsers(monkeypatch: pytest.MonkeyPatch) -> list[HttpProtocol]:
    """Those that were built."""
    built: list[HttpProtocol] = []
    made = HttpProtocol.connection_made

    def noted(protocol: HttpProtocol, transport: asyncio.Transport) -> None:
        built.append(protocol)
        made(protocol, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", noted)
    return built


class TestHowManyComeIn:
    async def test_one_address_has_its_places_replaced_at_most_once_in_two_seconds_and_nothing_is_built_for_the_rest(
        self, listener: Listener, parsers: list[HttpProtocol]
    ) -> None:
        for _ in range(10_000):
            listener.opens(later_s=0.001)
        assert SHARE // 2 * 10 <= len(parsers) <= (SHARE // 2 + NEW_OF_EACH) * 11

    async def test_nor_do_many_addresses_together_cost_more(
        self, listener: Listener, parsers: list[HttpProtocol]
    ) -> None:
        for n in range(10_000):
            listener.opens(f"10.0.1.{n % 8}", later_s=0.001)
        assert len(parsers) <= (SHARE // 2 + 8 * NEW_OF_EACH) * 11

    async def test_who_comes_from_a_quiet_address_comes_in(self, listener: Listener) -> None:
        for _ in range(1_000):
            listener.opens(later_s=0.0)
        assert not any(listener.opens("10.0.0.2", later_s=0.0).closed for _ in range(NEW_OF_EACH))

    async def test_an_office_behind_one_address_comes_in_as_a_whole(self, listener: Listener) -> None:
        desks = [listener.opens(later_s=2 / SHARE) for _ in range(SHARE)]
        assert not any(desk.closed for desk in desks)

    async def test_behind_an_attackers_own_address_one_tries_again_and_stays_long_enough(
        self, listener: Listener
    ) -> None:
        attackers = [listener.opens(later_s=0.001) for _ in range(3_000)]
        assert attackers[-1].closed
        tries = [self._after_others(listener) for _ in range(20)]
        came_in = [officer for officer in tries if not officer.closed]
        assert came_in
        for _ in range(500):
            listener.opens(later_s=0.001)
        assert not came_in[-1].closed

    def _after_others(self, listener: Listener) -> Wire:
        for _ in range(30):
            listener.opens(later_s=0.0013)
        return listener.opens(later_s=0.0013)


class TestWhatTheyLeave:
    """Nothing that only the collector of garbage finds: at such speed it would hold everybody up."""

    @pytest.fixture(autouse=True)
    def collector(self) -> Iterator[None]:
        gc.collect()
        gc.disable()
        yield
        gc.enable()

    @pytest.mark.parametrize(
        "said",
        [b"", GET, POST, GET * 3, b"nonsense\r\n\r\n", POST + b"x" * 100],
        ids=["nothing", "a request", "a head", "three requests", "nonsense", "a request with its body"],
    )
    @pytest.mark.parametrize("ends", ["leaves", "evicted"])
    async def test_a_connection_is_gone_with_its_end(
        self, listener: Listener, parsers: list[HttpProtocol], said: bytes, ends: str
    ) -> None:
        wire = listener.opens()
        if said:
            wire.says(said)
        await _turns()
        left = [weakref.ref(wire), weakref.ref(parsers.pop())]
        scope = getattr(left[1](), "scope", None)
        if ends == "leaves":
            wire.leaves()
        else:
            for _ in range(SHARE):
                listener.opens()
                parsers.clear()
        assert wire.closed
        del wire
        await _turns()
        assert [ref() for ref in left] == [None, None]
        assert "gerai.exchange" not in (scope or {})


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
