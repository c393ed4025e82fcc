"""A ticket opens one stream, once, within a minute, for who was given it; and nobody reads it anywhere."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import papers
import pytest
import structlog
from notes_door import Client, Door, notes_door, settings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest
from pydantic import ValidationError
from starlette.types import Message
from structlog.testing import LogCapture

from gerai.chassis import edge, problems, stream_tickets, traces
from gerai.chassis.auth import Caller
from gerai.chassis.logs import masked
from gerai.chassis.problems import Problem
from gerai.chassis.routes import Permission, Routes, Secret
from gerai.chassis.settings import MissingSetting
from gerai.chassis.stream_tickets import LEEWAY_S, LIFE_S, StreamTickets
from gerai.messaging.memory.storage import MemoryStorage

NEWS = "/v1/applications/izin-1/news"
OTHER = "/v1/applications/izin-2/news"
KEY, NEXT_KEY = b"k" * 32, b"n" * 32
READERS = frozenset({"applicant"})


class Clock:
    """Seconds of the epoch, as a test moves them on."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def caller(**more: Any) -> Caller:
    now = time.time()
    return Caller(**{"subject": "a", "tenant": "t", "roles": READERS, "expires": now + 600, **more})


async def asks(client: Client, application: str = "izin-1") -> str:
    answer = await client.http.post(
        f"/v1/applications/{application}/stream-tickets", headers={"idempotency-key": "k1"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_in"] == 60 and answer.headers["cache-control"] == "no-store"
    ticket: str = answer.json()["ticket"]
    return ticket


class Heard:
    """One client's stream."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.ended = asyncio.Event()
        self.begun = asyncio.Event()
        self.leaves = asyncio.Event()

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")
        if self.body:
            self.begun.set()


@asynccontextmanager
async def listening(desk: Door, query: str, path: str = NEWS, **headers: str) -> AsyncIterator[Heard]:
    heard = Heard()
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }

    async def run() -> None:
        await desk.edge(scope, heard.receive, heard.send)
        heard.ended.set()

    task = asyncio.create_task(run())
    try:
        await asyncio.wait_for(heard.begun.wait(), 5)
        yield heard
    finally:
        heard.leaves.set()
        await task


async def status_of(desk: Door, query: str, path: str = NEWS) -> int:
    async with listening(desk, query, path) as heard:
        return heard.status


class TestOpening:
    async def test_it_opens_the_stream_without_a_header(self, desk: Door, applicant: Client) -> None:
        async with listening(desk, f"ticket={await asks(applicant)}") as heard:
            assert heard.status == 200 and heard.body.startswith(b"retry: 1000\n\nevent: snapshot")

    async def test_it_opens_it_once(self, desk: Door, applicant: Client) -> None:
        ticket = await asks(applicant)
        assert await status_of(desk, f"ticket={ticket}") == 200
        assert await status_of(desk, f"ticket={ticket}") == 401

    async def test_thousands_of_streams_with_one_ticket_are_one(self, desk: Door, applicant: Client) -> None:
        ticket = await asks(applicant)
        async with listening(desk, f"ticket={ticket}") as first:
            others = {await status_of(desk, f"ticket={ticket}") for _ in range(500)}
            assert (first.status, first.ended.is_set()) == (200, False)
            assert others <= {401, 429}

    async def test_it_opens_nothing_else(self, desk: Door, applicant: Client) -> None:
        for path in (OTHER, "/v1/papers/" + "0" * 32 + "/content", "/v1/applications/izin-1/papers/a"):
            assert await status_of(desk, f"ticket={await asks(applicant)}", path) in (401, 405)

    async def test_each_asking_gives_another_one_also_under_one_key(self, applicant: Client) -> None:
        """It changes nothing, and one that was kept would be too old when it is given again."""
        assert await asks(applicant) != await asks(applicant)

    async def test_who_may_not_listen_gets_none(self, desk: Door) -> None:
        for client, status in ((desk.stranger(), 401), (desk.client(roles=["kiosk"]), 403)):
            path = "/v1/applications/izin-1/stream-tickets"
            answer = await client.http.post(path, headers={"idempotency-key": "k1"})
            assert answer.status_code == status

    async def test_any_replica_opens_it(self, storage: MemoryStorage, tmp_path: Path) -> None:
        keys = {"stream_ticket_keys": base64.b64encode(KEY).decode(), "shelf": tmp_path}
        async with (
            notes_door(storage, papers.service, **keys) as one,
            notes_door(storage, papers.service, **keys) as other,
        ):
            ticket = await asks(one.client(roles=["applicant"]))
            assert await status_of(other, f"ticket={ticket}") == 200

    async def test_the_header_counts_where_both_are_there(self, desk: Door, applicant: Client) -> None:
        ticket = await asks(applicant)
        token = desk.issuer.token(sub="officer-2", roles=["officer"])
        async with listening(desk, f"ticket={ticket}", authorization=f"Bearer {token}") as heard:
            assert heard.status == 200
        assert await status_of(desk, f"ticket={ticket}") == 200, "it was not used"

    async def test_the_place_to_go_on_from_can_be_told_in_the_address(
        self, desk: Door, applicant: Client
    ) -> None:
        async with listening(desk, f"last_event_id=lost&ticket={await asks(applicant)}") as heard:
            assert heard.status == 200 and b"event: snapshot" in heard.body

    async def test_the_stream_ends_with_the_token(self, desk: Door) -> None:
        dying = desk.client(sub="a", roles=["applicant"], exp=int(time.time()) - 4)
        async with listening(desk, f"ticket={await asks(dying)}") as heard:
            await asyncio.wait_for(heard.ended.wait(), 5)
        assert heard.status == 200 and heard.ended.is_set()

    async def test_the_document_says_that_a_ticket_is_taken_and_how_it_is_refused(self, desk: Door) -> None:
        document = (await desk.operator().gets("/openapi.json")).json()
        operation = document["paths"]["/v1/applications/{id}/news"]["get"]
        assert operation["security"] == [{"bearer": []}, {"streamTicket": []}]
        assert document["components"]["securitySchemes"]["streamTicket"]["name"] == "ticket"
        assert "invalid_ticket" in json.dumps(operation["responses"]["401"])


class TestSealing:
    def test_it_says_who_asked_and_no_role_that_the_stream_does_not_need(self) -> None:
        tickets = StreamTickets([KEY])
        asked = caller(roles=frozenset({"applicant", "admin"}))
        opened = tickets.open(tickets.give(asked, path=NEWS, roles=READERS).ticket, path=NEWS)
        assert (opened.subject, opened.tenant, opened.roles) == ("a", "t", READERS)
        assert opened.expires == pytest.approx(asked.expires, abs=1)

    def test_it_ends_no_later_than_a_stream_of_the_token_would_when_its_issuer_is_away(self) -> None:
        tickets = StreamTickets([KEY])
        asked = caller(trusted_for=lambda: 30.0)
        opened = tickets.open(tickets.give(asked, path=NEWS, roles=READERS).ticket, path=NEWS)
        assert opened.seconds_left() == pytest.approx(30, abs=1)

    @pytest.mark.parametrize(("after", "opens"), [(LIFE_S, True), (LIFE_S + LEEWAY_S + 1, False)])
    def test_it_is_for_a_minute(self, after: float, opens: bool) -> None:
        clock = Clock()
        tickets = StreamTickets([KEY], clock=clock)
        ticket = tickets.give(caller(), path=NEWS, roles=READERS).ticket
        clock.now += after
        assert opened(tickets, ticket) is opens

    def test_it_does_not_outlive_the_token(self) -> None:
        clock = Clock()
        tickets = StreamTickets([KEY], clock=clock)
        ticket = tickets.give(caller(expires=clock.now + 10), path=NEWS, roles=READERS).ticket
        clock.now += 11
        assert not opened(tickets, ticket)

    def test_nobody_else_makes_one_or_changes_one(self) -> None:
        tickets = StreamTickets([KEY])
        good = tickets.give(caller(), path=NEWS, roles=READERS).ticket
        foreign = StreamTickets([NEXT_KEY]).give(caller(), path=NEWS, roles=READERS).ticket
        raw = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
        for at in range(len(raw)):
            raw[at] ^= 1
            assert not opened(tickets, base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()), at
            raw[at] ^= 1
        for wrong in (
            foreign,
            "",
            "x",
            good[:-4],
            good + "AAAA",
            good * 50,
            good[:20],
            f"{good} ",
            "é" * 90,
            "=" * 90,
        ):
            assert not opened(tickets, wrong), wrong
        assert opened(tickets, good)

    def test_it_cannot_be_read(self) -> None:
        ticket = StreamTickets([KEY]).give(caller(subject="pemohon-7"), path=NEWS, roles=READERS).ticket
        assert b"pemohon" not in base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))

    def test_keys_are_changed_while_replicas_run(self) -> None:
        old, both, new = StreamTickets([KEY]), StreamTickets([NEXT_KEY, KEY]), StreamTickets([NEXT_KEY])
        assert opened(both, old.give(caller(), path=NEWS, roles=READERS).ticket)
        assert opened(new, both.give(caller(), path=NEWS, roles=READERS).ticket)

    def test_what_was_used_is_remembered_for_as_long_as_it_could_be_used_again_and_not_longer(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream_tickets, "USED_LIMIT", 3)
        clock = Clock()
        tickets = StreamTickets([KEY], clock=clock)
        several = [tickets.give(caller(), path=NEWS, roles=READERS).ticket for _ in range(4)]
        assert [opened(tickets, ticket) for ticket in several[:3]] == [True] * 3
        with pytest.raises(Problem) as refused:
            tickets.open(several[3], path=NEWS)
        assert refused.value.status == 503, "rather than forget one that could be shown again"
        clock.now += LIFE_S + LEEWAY_S + 1
        assert opened(tickets, tickets.give(caller(), path=NEWS, roles=READERS).ticket)
        assert len(tickets._used) == 1


def opened(tickets: StreamTickets, ticket: str) -> bool:
    try:
        tickets.open(ticket, path=NEWS)
    except Problem as problem:
        assert (problem.status, problem.code) == (401, "invalid_ticket")
        return False
    return True


class TestNobodyReadsIt:
    @pytest.fixture
    def lines(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        capture = LogCapture()
        every = structlog.make_filtering_bound_logger(0)
        for module in (edge, problems):
            logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=every)
            monkeypatch.setattr(module, "log", logger)
        return capture.entries

    @pytest.fixture
    def spans(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(traces._Sampling, "ratio", 1.0)
        monkeypatch.setattr(traces._Sampling, "tracer", provider.get_tracer("test"))
        yield exporter
        assert trace.get_tracer_provider() is not provider

    async def test_in_no_log_no_trace_no_metric_and_no_answer(
        self,
        desk: Door,
        applicant: Client,
        lines: list[Any],
        spans: InMemorySpanExporter,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        tickets = [await asks(applicant) for _ in range(4)]
        answers = b""
        for query in (
            f"ticket={tickets[0]}",
            f"ticket={tickets[0]}",
            f"ticket={tickets[1]}x",
            f"ticket={tickets[1]}&ticket={tickets[1]}",
            f"ticket={tickets[2]}&unknown={tickets[2]}",
        ):
            async with listening(desk, query) as heard:
                answers += heard.body

        def breaks(*_: Any, **__: Any) -> None:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(papers, "EventStream", breaks)
        async with listening(desk, f"ticket={tickets[3]}") as heard:
            assert heard.status == 500
            answers += heard.body
        told = json.dumps([span.to_json() for span in spans.get_finished_spans()])
        assert "/v1/applications/{id}/news" in told and lines
        seen = f"{told} {lines} {generate_latest().decode()} {answers.decode()}"
        for ticket in tickets:
            assert ticket not in seen

    def test_not_even_where_an_address_is_logged(self) -> None:
        assert masked("GET /news?a=b&ticket=AbC-_1 HTTP/1.1") == "GET /news?a=b&ticket=[ticket] HTTP/1.1"


class TestSettings:
    @pytest.mark.parametrize("wrong", ["nonsense", "c2hvcnQ=", base64.b64encode(b"s" * 31).decode()])
    def test_what_is_no_key_is_refused_and_not_shown(self, wrong: str) -> None:
        with pytest.raises(ValidationError) as refused:
            settings(stream_ticket_keys=wrong)
        assert wrong not in str(refused.value)

    async def test_in_production_a_service_with_streams_needs_keys(
        self, storage: MemoryStorage, tmp_path: Path
    ) -> None:
        elsewhere = {
            "environment": "production",
            "issuer": "https://issuer.example",
            "jwks_url": "https://issuer.example/jwks",
            "kafka_security_protocol": "PLAINTEXT",
            "shelf": tmp_path,
        }
        with pytest.raises(MissingSetting, match="GERAI_STREAM_TICKET_KEYS"):
            async with notes_door(storage, papers.service, **elsewhere):
                raise AssertionError("it starts")
        key = base64.b64encode(KEY).decode()
        async with notes_door(storage, papers.service, stream_ticket_keys=key, **elsewhere):
            pass

    @pytest.mark.parametrize("wrong", [{"public": True}, {"public": Secret("link")}])
    def test_a_ticket_is_for_a_stream_that_needs_a_permission(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match="ticket"):
            Routes(tag="x").get(
                "/a/{link}", takes_ticket=True, summary="Follow", operation_id="follow", **wrong
            )
        with pytest.raises(TypeError, match="ticket"):
            Routes(tag="x").post(
                "/a", takes_ticket=True, summary="Send", operation_id="send", permission=Permission.to("x")
            )
