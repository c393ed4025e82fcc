"""Who is taken in hand: strangers and staff have places of their own, and asking without end is refused by name."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from notes_door import Client, Door, settings
from starlette.requests import HTTPConnection

from gerai.chassis import admission as module
from gerai.chassis.addresses import Proxies, counted_as
from gerai.chassis.admission import Admission, AdmissionLimits, NoPlaceLeft, Rate
from gerai.chassis.auth import Caller
from gerai.chassis.problems import Problem
from gerai.chassis.server import _admission_limits

SMALL = AdmissionLimits(
    strangers_at_once=2,
    at_once=8,
    at_once_per_regency=4,
    at_once_per_subject=2,
    rate_per_address=5,
    failed_logins_per_address=2.5,
    rate_per_subject=2,
    rate_per_regency=3,
)
GENEROUS = replace(
    SMALL, rate_per_address=1e6, failed_logins_per_address=1e6, rate_per_subject=1e6, rate_per_regency=1e6
)


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Hand:
    return Hand()


def restrict(door: Door, limits: AdmissionLimits, *, now: Callable[[], float]) -> Admission:
    narrow = Admission(limits, Proxies([ip_network("10.9.0.0/16")]), now=now, pause_s=0)
    door.app.state.admission = door.edge.admission = narrow
    return narrow


def caller(subject: str = "a", tenant: str = "muna-barat") -> Caller:
    return Caller(subject, tenant, frozenset(), 0.0)


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.headers["retry-after"]


def asks(client: str, **headers: str) -> HTTPConnection:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "client": (client, 1), "headers": sent})


class TestPlaces:
    async def test_strangers_who_send_slowly_take_nobodys_place(self, door: Door, clock: Hand) -> None:
        restrict(door, GENEROUS, now=clock)
        let_go, begun = asyncio.Event(), 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal begun
            yield b"{"
            begun += 1
            await let_go.wait()

        stranger = door.stranger()
        key = {"idempotency-key": "k"}
        slow = [
            asyncio.create_task(stranger.http.post("/v1/links/a/use", content=body(), headers=key))
            for _ in range(20)
        ]
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert begun == 20
        assert (await door.stranger().gets("/v1/links/b")).status_code == 200
        assert (await door.client().adds({"text": "a"})).status_code == 201
        let_go.set()
        assert {answer.status_code for answer in await asyncio.gather(*slow)} <= {200, 503}

    async def test_a_strangers_body_is_small(self, door: Door) -> None:
        sent = {"idempotency-key": "k"}
        big = await door.stranger().http.post("/v1/links/a/use", content=b"x" * 9_000, headers=sent)
        assert (big.status_code, big.json()["code"]) == (413, "body_too_large")

    def test_strangers_fill_their_own_places_alone(self, clock: Hand) -> None:
        admission = Admission(GENEROUS, Proxies(()), now=clock)
        with ExitStack() as held:
            for _ in range(2):
                held.enter_context(admission.stranger())
            with pytest.raises(Problem) as full, admission.stranger():
                pass
            assert (full.value.status, full.value.code, full.value.headers) == (
                503,
                "busy",
                {"Retry-After": "1"},
            )
            with admission.caller(caller()):
                pass
        with admission.stranger():
            pass

    async def test_no_subject_and_no_regency_takes_all_and_readiness_falls_when_all_are_taken(
        self, clock: Hand
    ) -> None:
        admission = Admission(GENEROUS, Proxies(()), now=clock)
        with ExitStack() as held:

            def take(subject: str, tenant: str) -> str | None:
                try:
                    held.enter_context(admission.caller(caller(subject, tenant)))
                except Problem as problem:
                    return problem.code
                return None

            assert [take("a", "muna") for _ in range(3)] == [None, None, "too_many_requests"]
            assert [take("b", "muna"), take("c", "muna"), take("d", "muna")] == [
                None,
                None,
                "too_many_requests",
            ]
            await admission.require_room()
            assert [take(s, "badung") for s in "aabb"] == [None] * 4
            assert take("a", "raja-ampat") == "busy"
            with pytest.raises(NoPlaceLeft):
                await admission.require_room()
        await admission.require_room()
        assert admission._in_progress == {}


class TestRates:
    def test_two_seconds_worth_at_once_and_then_as_often_as_agreed(self, clock: Hand) -> None:
        rate = Rate(2, now=clock)
        assert [rate.take("a") for _ in range(4)] == [0] * 4
        assert rate.take("a") == 0.5
        assert rate.take("b") == 0
        clock.at = 0.5
        assert [rate.take("a") > 0 for _ in range(2)] == [False, True]
        clock.at = 100
        assert [rate.take("a") > 0 for _ in range(5)] == [False] * 4 + [True]

    def test_what_is_remembered_is_bounded(self, clock: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "KNOWN", 10)
        rate = Rate(1, now=clock)
        for n in range(1_000):
            rate.take(str(n))
        assert len(rate) == 10

    async def test_a_stranger_who_asks_too_often_is_told_when_to_come_again(
        self, door: Door, clock: Hand
    ) -> None:
        restrict(door, SMALL, now=clock)
        stranger = door.stranger()
        seen = [(await stranger.gets("/v1/links/a")).status_code for _ in range(11)]
        assert seen == [200] * 10 + [429]
        assert refused(await stranger.gets("/v1/links/a")) == (429, "too_many_requests", "1")
        assert refused(await stranger.gets("/v1/notes")) == (429, "too_many_requests", "1")
        assert (await door.operator().gets("/health/live")).status_code == 200, "operators are not counted"
        assert (await door.client().gets("/v1/notes")).status_code == 200, "a token's bearer is no stranger"
        clock.at = 1
        assert (await stranger.gets("/v1/links/a")).status_code == 200

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nowhere", 404),
            ("DELETE", "/v1/notes", 405),
            ("OPTIONS", "/v1/notes", 204),
            ("GET", "/v1/links/a%E2%80%AE", 422),
            ("GET", "/v1/notes", 401),
            ("GET", "/metrics", 404),
            ("GET", "/health/live", 200),
            ("HEAD", "/health/live", 200),
        ],
    )
    @pytest.mark.parametrize("shown", [None, "nonsense"])
    async def test_whatever_a_stranger_asks_for_counts(
        self, door: Door, clock: Hand, method: str, path: str, status: int, shown: str | None
    ) -> None:
        restrict(door, replace(SMALL, failed_logins_per_address=5), now=clock)
        stranger = door.stranger(shown)
        seen = [(await stranger.http.request(method, path)).status_code for _ in range(11)]
        assert seen == [status] * 10 + [429]
        last = await stranger.http.request(method, path)
        assert last.headers["retry-after"] == "1" and "x-correlation-id" in last.headers
        assert (await door.client().gets("/v1/notes")).status_code == 200

    async def test_nobody_is_counted_twice(self, door: Door, clock: Hand) -> None:
        restrict(door, SMALL, now=clock)
        stranger = door.stranger()
        seen = [(await stranger.gets(path)).status_code for path in ("/v1/links/a", "/nowhere") * 6]
        assert seen == [200, 404] * 5 + [429] * 2

    async def test_who_may_not_do_it_may_not_ask_without_end(self, door: Door, clock: Hand) -> None:
        restrict(door, SMALL, now=clock)
        outsider = door.client(roles=["display"])
        seen = [(await outsider.gets("/v1/notes")).status_code for _ in range(5)]
        assert seen == [403] * 4 + [429]

    async def test_bad_tokens_are_counted_and_a_good_one_from_there_is_taken(
        self, door: Door, clock: Hand
    ) -> None:
        restrict(door, SMALL, now=clock)
        forger = Client(door.edge, "eyJ.nonsense.x")
        assert [(await forger.gets("/v1/notes")).status_code for _ in range(6)] == [401] * 5 + [429]
        assert (await forger.gets("/v1/notes")).headers["retry-after"] == "1"
        assert (await door.client(sub="fresh").gets("/v1/notes")).status_code == 200

    async def test_a_subject_and_a_regency_have_rates(self, door: Door, clock: Hand) -> None:
        restrict(door, SMALL, now=clock)
        one, other = door.client(sub="one"), door.client(sub="other")
        assert [(await one.gets("/v1/notes")).status_code for _ in range(5)] == [200] * 4 + [429]
        assert [(await other.gets("/v1/notes")).status_code for _ in range(3)] == [200] * 2 + [429]
        assert (await door.client(tenant="badung").gets("/v1/notes")).status_code == 200

    async def test_as_deployed_one_token_cannot_take_all_that_a_process_answers(
        self, door: Door, clock: Hand
    ) -> None:
        """A process answers one to two thousand requests a second."""
        limits = _admission_limits(settings())
        admission = restrict(door, limits, now=clock)

        async def asked(times: int, who: Caller) -> int:
            done = 0
            for _ in range(times):
                with suppress(Problem):
                    await admission.caller_asks(who)
                    done += 1
            return done

        assert await asked(20_000, caller("flood")) <= 600, "what is let in at once, others wait for"
        clock.at = 1
        assert 290 < await asked(2_000, caller("flood")) <= 300
        assert await asked(100, caller("officer")) == 100
        for n in range(100):
            await asked(400, caller(f"flood-{n}"))
        clock.at = 2
        assert sum([await asked(300, caller(f"flood-{n}")) for n in range(50)]) <= 1_500
        assert await asked(100, caller(tenant="badung")) == 100

    async def test_a_caller_who_asks_too_often_waits_before_hearing_so(self, door: Door, clock: Hand) -> None:
        door.app.state.admission = Admission(SMALL, Proxies(()), now=clock, pause_s=30)
        officer = door.client()
        for _ in range(4):
            await officer.gets("/v1/notes")
        told = asyncio.create_task(officer.gets("/v1/notes"))
        for _ in range(200):
            await asyncio.sleep(0)
        assert not told.done() and not door.app.state.admission._in_progress
        told.cancel()

    async def test_who_asks_too_often_waits_before_hearing_so_and_holds_no_place(
        self, door: Door, clock: Hand
    ) -> None:
        waits = Admission(SMALL, Proxies(()), now=clock, pause_s=30)
        door.app.state.admission = waits
        stranger = door.stranger()
        for _ in range(10):
            await stranger.gets("/v1/links/a")
        told = asyncio.create_task(stranger.gets("/v1/links/a"))
        for _ in range(200):
            await asyncio.sleep(0)
        assert not told.done() and waits._strangers == 0
        told.cancel()


class TestAddresses:
    async def test_only_our_proxies_are_believed_about_the_client(self, clock: Hand) -> None:
        proxies = Proxies([ip_network("10.9.0.0/16"), ip_network("2001:db8:9::/48")])

        def client(peer: str, **headers: str) -> str:
            return proxies.client(peer, asks(peer, **headers).scope["headers"])

        assert client("203.0.113.7", x_forwarded_for="198.51.100.1") == "203.0.113.7"
        assert client("10.9.0.1") == "10.9.0.1"
        assert client("10.9.0.1", x_forwarded_for="1.1.1.1, 198.51.100.1, 10.9.3.3") == "198.51.100.1"
        assert client("10.9.0.1", x_forwarded_for="198.51.100.1:5000") == "198.51.100.1"
        assert client("::ffff:10.9.0.1", x_forwarded_for="198.51.100.1") == "198.51.100.1"
        assert client("2001:db8:9::1", x_forwarded_for="[2001:db8::5]:80") == "2001:db8::/64"
        assert client("10.9.0.1", x_forwarded_for="10.9.0.2, 10.9.0.3") == "10.9.0.2"

    def test_one_header_is_read_and_the_client_may_write_any_other(self) -> None:
        usual = Proxies([ip_network("10.9.0.0/16")])
        other = Proxies([ip_network("10.9.0.0/16")], header="CF-Connecting-IP")
        sent = [
            (b"x-forwarded-for", b"198.51.100.1"),
            (b"cf-connecting-ip", b"198.51.100.2"),
            (b"forwarded", b"for=198.51.100.3"),
            (b"x-real-ip", b"198.51.100.4"),
        ]
        assert usual.client("10.9.0.1", sent) == "198.51.100.1"
        assert other.client("10.9.0.1", sent) == "198.51.100.2"
        assert usual.client("10.9.0.1", sent[2:]) == "10.9.0.1"

    def test_several_lines_are_one_list(self) -> None:
        """A proxy may add a line of its own, and the next one to whichever it likes."""
        proxies = Proxies([ip_network("10.9.0.0/16")])

        def client(*lines: bytes) -> str:
            return proxies.client("10.9.0.1", [(b"x-forwarded-for", line) for line in lines])

        assert client(b"1.1.1.1", b"198.51.100.1") == "198.51.100.1"
        assert client(b"1.1.1.1, 198.51.100.1", b"10.9.0.2") == "198.51.100.1"
        assert client(b"198.51.100.1,", b"", b" 10.9.0.2 ") == "198.51.100.1"

    def test_a_subscriber_of_ipv6_is_one(self) -> None:
        assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff:1") != counted_as("2001:db8:0:1::1")
        assert counted_as("::ffff:192.0.2.1") == counted_as("192.0.2.1") == "192.0.2.1"
        assert counted_as("testclient") == "testclient"

    async def test_visitors_behind_an_ingress_are_told_apart(self, door: Door, clock: Hand) -> None:
        admission = restrict(door, SMALL, now=clock)
        for _ in range(10):
            await admission.stranger_asks(asks("10.9.0.1", x_forwarded_for="198.51.100.1"))
        with pytest.raises(Problem, match="too_many_requests"):
            await admission.stranger_asks(asks("10.9.0.1", x_forwarded_for="198.51.100.1"))
        await admission.stranger_asks(asks("10.9.0.1", x_forwarded_for="198.51.100.2"))


class TestIdempotencyOfStrangers:
    async def test_two_strangers_with_the_same_key_have_nothing_in_common(self, door: Door) -> None:
        """Neither is refused for the other's sake, and neither gets the other's answer."""

        async def use(link: str) -> Any:
            return await door.stranger().http.post(f"/v1/links/{link}/use", headers={"idempotency-key": "1"})

        first, other, again = await use("a"), await use("b"), await use("a")
        assert [one.status_code for one in (first, other, again)] == [200, 200, 200]
        assert first.json()["id"] != other.json()["id"]
        assert again.content == first.content and again.headers["idempotency-replayed"] == "true"

    async def test_a_callers_key_is_not_a_strangers(self, door: Door) -> None:
        await door.client().adds({"text": "a"}, key="1")
        used = await door.stranger().http.post("/v1/links/a/use", headers={"idempotency-key": "1"})
        assert used.status_code == 200 and "idempotency-replayed" not in used.headers
