"""The layer around every request: headers, limits, metrics, traces; and never a path where others read it."""

import time
from collections.abc import Iterator

import httpx
import pytest
import structlog
from notes_door import Client, Door
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import LogCapture
from structlog.typing import EventDict

from gerai.chassis import edge, problems, traces
from gerai.chassis.edge import Edge
from gerai.messaging.memory.storage import MemoryStorage

SECRET = "visitors-secret-link-1234"
KEPT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOT_KEPT = KEPT[:-1] + "0"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The process has one tracer provider for life; who needs it shares this one."""
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def kept(exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.setattr(traces._Sampling, "ratio", 1.0)
    monkeypatch.setattr(traces._Sampling, "allowance", traces.Allowance())
    monkeypatch.setattr(traces._Sampling, "tracer", trace.get_tracer("test"))
    exporter.clear()
    yield exporter
    exporter.clear()


async def is_kept(client: Client) -> bool:
    answer = await client.gets("/v1/notes", headers={"traceparent": KEPT})
    return answer.headers["traceresponse"].endswith("-01")


def server_span(exporter: InMemorySpanExporter) -> ReadableSpan:
    [span] = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    return span


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[EventDict]:
    """What is logged about requests; elsewhere in the tests logs are off."""
    capture = LogCapture()
    every = structlog.make_filtering_bound_logger(0)
    for module in (edge, problems):
        monkeypatch.setattr(
            module, "log", structlog.wrap_logger(None, processors=[capture], wrapper_class=every)
        )
    return capture.entries


class TestTraces:
    async def test_a_span_has_the_template_and_never_the_link(
        self, door: Door, kept: InMemorySpanExporter
    ) -> None:
        await door.stranger().gets(f"/v1/links/{SECRET}", secret=SECRET)
        span = server_span(kept)
        assert span.name == "GET /v1/links/{link}"
        assert dict(span.attributes or {})["http.route"] == "/v1/links/{link}"
        for made in kept.get_finished_spans():
            assert SECRET not in made.to_json()

    async def test_an_address_that_leads_nowhere_is_not_written_down_either(
        self, door: Door, kept: InMemorySpanExporter
    ) -> None:
        await door.stranger().gets(f"/v1/lost/{SECRET}")
        assert server_span(kept).name == "GET"
        assert SECRET not in server_span(kept).to_json()

    async def test_a_command_carries_its_trace_to_the_outbox(
        self, officer: Client, kept: InMemorySpanExporter
    ) -> None:
        answer = await officer.adds({"text": "a"}, traceparent=KEPT)
        span = server_span(kept)
        assert f"{span.context.trace_id:032x}" == KEPT.split("-")[1]
        assert answer.headers["traceresponse"].split("-")[2] == f"{span.context.span_id:016x}"
        [commit] = [one for one in kept.get_finished_spans() if one.name == "commit"]
        assert commit.parent is not None and commit.parent.span_id == span.context.span_id

    async def test_what_the_caller_does_not_keep_is_not_kept_but_can_be_followed(
        self, officer: Client, kept: InMemorySpanExporter
    ) -> None:
        answer = await officer.gets("/v1/notes", headers={"traceparent": NOT_KEPT})
        assert kept.get_finished_spans() == ()
        assert answer.headers["traceresponse"].split("-")[1] == NOT_KEPT.split("-")[1]
        assert answer.headers["traceresponse"].endswith("-00")

    @pytest.mark.parametrize(
        "sent", [[""], ["00-x-y-01"], ["é"], [KEPT.upper()], [KEPT + "-00"], [KEPT, KEPT]]
    )
    async def test_a_malformed_parent_begins_a_new_trace(
        self, officer: Client, kept: InMemorySpanExporter, sent: list[str]
    ) -> None:
        headers = [("traceparent", one.encode()) for one in sent]
        answer = await officer.http.get("/v1/notes", headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 200
        span = server_span(kept)
        assert span.parent is None and not span.links
        assert f"{span.context.trace_id:032x}" != KEPT.split("-")[1]

    async def test_white_space_around_a_parent_means_nothing(
        self, officer: Client, kept: InMemorySpanExporter
    ) -> None:
        await officer.gets("/v1/notes", headers={"traceparent": f" \t{KEPT} \t"})
        assert f"{server_span(kept).context.trace_id:032x}" == KEPT.split("-")[1]

    @pytest.mark.parametrize("path", ["/v1/links/a", "/v1/nothing", "/v1/notes"])
    @pytest.mark.parametrize("token", [None, "not-a-token"])
    async def test_a_stranger_joins_no_trace_and_is_linked_to_the_one_it_named(
        self, door: Door, kept: InMemorySpanExporter, path: str, token: str | None
    ) -> None:
        answer = await door.stranger(token).gets(path, headers={"traceparent": KEPT})
        span = server_span(kept)
        assert span.parent is None
        assert f"{span.context.trace_id:032x}" != KEPT.split("-")[1]
        assert [f"{link.context.trace_id:032x}" for link in span.links] == [KEPT.split("-")[1]]
        assert answer.headers["traceresponse"].split("-")[1] == f"{span.context.trace_id:032x}"

    async def test_a_good_token_opens_no_trace_where_nobody_is_asked_for_one(
        self, officer: Client, kept: InMemorySpanExporter
    ) -> None:
        await officer.gets("/v1/links/a", headers={"traceparent": KEPT})
        assert server_span(kept).parent is None

    async def test_a_stranger_has_nothing_kept_by_asking(
        self, door: Door, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(traces._Sampling, "ratio", 0.0)
        for path in ("/v1/links/a", "/v1/notes", "/v1/nothing"):
            answer = await door.stranger().gets(path, headers={"traceparent": KEPT})
            assert answer.headers["traceresponse"].endswith("-00")
        assert kept.get_finished_spans() == ()

    async def test_who_is_known_has_a_few_kept_by_asking_and_no_more(
        self, officer: Client, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(traces._Sampling, "ratio", 0.0)
        most = int(traces.ASKED_AT_ONCE_BY_ONE)
        assert [await is_kept(officer) for _ in range(most + 2)] == [True] * most + [False] * 2
        assert len(kept.get_finished_spans()) == most

    async def test_who_asks_without_end_keeps_nobody_elses_from_being_kept(
        self, door: Door, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(traces._Sampling, "ratio", 0.0)
        greedy = door.client(sub="greedy")
        assert not all([await is_kept(greedy) for _ in range(50)])
        assert await is_kept(door.client(sub="operator"))
        assert await is_kept(door.client(sub="greedy", tenant="muna")), "another regency's subject is another"

    async def test_a_span_begins_when_the_request_came_not_when_its_caller_was_known(
        self, officer: Client, kept: InMemorySpanExporter
    ) -> None:
        before = time.time_ns()
        await officer.gets("/v1/notes", headers={"traceparent": KEPT})
        span = server_span(kept)
        assert span.start_time is not None and span.end_time is not None
        assert before <= span.start_time < span.end_time <= time.time_ns()
        assert dict(span.attributes or {})["url.scheme"] == "http"

    async def test_a_request_leaves_no_trace_to_the_next_one(
        self, door: Door, kept: InMemorySpanExporter
    ) -> None:
        await door.stranger().gets("/v1/links/a")
        assert not trace.get_current_span().get_span_context().is_valid

    async def test_our_faults_are_errors_and_refusals_are_not(
        self, door: Door, kept: InMemorySpanExporter
    ) -> None:
        await door.stranger().gets("/v1/notes")
        assert server_span(kept).status.status_code is StatusCode.UNSET
        kept.clear()
        await door.stranger().gets("/v1/broken")
        assert server_span(kept).status.status_code is StatusCode.ERROR
        assert "hunter2" not in server_span(kept).to_json()

    async def test_health_is_not_traced(self, door: Door, kept: InMemorySpanExporter) -> None:
        await door.stranger().gets("/health/live")
        assert kept.get_finished_spans() == ()


class TestHeaders:
    @pytest.mark.parametrize(
        "path", ["/v1/notes", "/v1/nothing", "/v1/links/a", "/v1/broken", "/health/live"]
    )
    async def test_every_answer_is_guarded(self, door: Door, path: str) -> None:
        headers = (await door.stranger().gets(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"

    async def test_no_other_site_is_let_in(self, officer: Client) -> None:
        answer = await officer.gets("/v1/notes", headers={"origin": "https://elsewhere.test"})
        assert not [name for name in answer.headers if name.startswith("access-control")]

    async def test_an_answer_that_knows_better_how_long_it_lasts_keeps_its_word(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            start = {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"cache-control", b"max-age=9")],
            }
            await send(start)
            await send({"type": "http.response.body", "body": b""})

        answer = await Client(Edge(app), None).gets("/")
        assert answer.headers.get_list("cache-control") == ["max-age=9"]


class TestLimits:
    async def test_before_the_process_has_started_only_health_is_answered(self, door: Door) -> None:
        door.health.started = False
        early = await door.client().gets("/v1/notes")
        assert (early.status_code, early.json()["code"]) == (503, "busy")
        assert early.headers["retry-after"] == "1"
        assert (await door.stranger().gets("/health/live")).status_code == 200
        assert (await door.stranger().gets("/health/startup")).status_code == 503

    async def test_half_an_answer_is_not_passed_off_as_a_whole_one(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise RuntimeError("broke off")

        with pytest.raises(RuntimeError, match="broke off"):
            await Client(Edge(app), None).gets("/")


class TestHangingUp:
    """Nobody's fault: it is counted as 499, and neither an error of ours nor a line of the log."""

    @staticmethod
    async def _hangs_up(door: Door, path: str, *, token: str | None, after: list[Message]) -> list[Message]:
        """Sends `after`, and is gone."""
        headers = [
            (b"idempotency-key", b"k-1"),
            (b"content-type", b"application/json"),
            (b"content-length", b"500"),
        ]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
        }
        scope |= {
            "headers": headers,
            "client": ("10.0.0.1", 4711),
            "server": ("notes.test", 80),
            "scheme": "http",
        }
        scope |= {"asgi": {"version": "3.0"}, "http_version": "1.1", "root_path": ""}
        comes, said = [*after, {"type": "http.disconnect"}], []

        async def receive() -> Message:
            return comes.pop(0) if len(comes) > 1 else comes[0]

        async def send(message: Message) -> None:
            said.append(message)

        await door.edge(scope, receive, send)
        return said

    @pytest.mark.parametrize("who", ["officer", "visitor"])
    @pytest.mark.parametrize("sent", [b"", b'{"text": "half a'])
    async def test_before_the_body_was_there(
        self,
        door: Door,
        kept: InMemorySpanExporter,
        lines: list[EventDict],
        who: str,
        sent: bytes,
    ) -> None:
        path, token = ("/v1/notes", door.issuer.token()) if who == "officer" else ("/v1/links/a/use", None)
        template = "/v1/notes" if who == "officer" else "/v1/links/{link}/use"
        labels = {"method": "POST", "route": template, "status": "499"}
        before = REGISTRY.get_sample_value("gerai_http_requests_total", labels) or 0.0
        after = [{"type": "http.request", "body": sent, "more_body": True}] if sent else []
        await self._hangs_up(door, path, token=token, after=after)
        assert REGISTRY.get_sample_value("gerai_http_requests_total", labels) == before + 1
        assert all(one.status.status_code is StatusCode.UNSET for one in kept.get_finished_spans())
        assert lines == []

    async def test_while_it_was_answered(self, door: Door) -> None:
        """What was done stays done; that nobody heard of it is what is written down."""
        labels = {"method": "POST", "route": "/v1/links/{link}/use", "status": "499"}
        before = REGISTRY.get_sample_value("gerai_http_requests_total", labels) or 0.0

        class Hung:
            gone = True

        scope_of = Edge.__call__

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope["gerai.connection"] = Hung()
            await scope_of(door.edge, scope, receive, send)

        await Client(with_connection, None).http.post("/v1/links/a/use", headers={"idempotency-key": "k"})
        assert REGISTRY.get_sample_value("gerai_http_requests_total", labels) == before + 1


class TestLogs:
    async def test_strangers_cannot_fill_the_logs_with_refusals(
        self, door: Door, monkeypatch: pytest.MonkeyPatch, lines: list[EventDict]
    ) -> None:
        monkeypatch.setattr(edge, "SLOW_S", -1.0)
        await door.stranger().gets("/v1/notes")
        await door.stranger().gets("/v1/nothing")
        door.health.started = False
        await door.stranger().gets("/v1/links/a")
        assert lines == []
        door.health.started = True
        await door.stranger().gets("/v1/links/a")
        assert [line["route"] for line in lines] == ["/v1/links/{link}"]


class TestMetrics:
    async def test_requests_are_counted_by_template(self, door: Door, storage: MemoryStorage) -> None:
        def counted(**labels: str) -> float:
            return REGISTRY.get_sample_value("gerai_http_requests_total", labels) or 0.0

        template = {"method": "GET", "route": "/v1/links/{link}", "status": "200"}
        lost = {"method": "GET", "route": "unmatched", "status": "404"}
        before = counted(**template), counted(**lost)
        for n in range(5):
            await door.stranger().gets(f"/v1/links/{SECRET}{n}")
            await door.stranger().gets(f"/v1/lost/{n}")
        assert (counted(**template), counted(**lost)) == (before[0] + 5, before[1] + 5)
        page: httpx.Response = await door.operator().gets("/metrics")
        assert "gerai_http_request_seconds_bucket" in page.text
        assert SECRET not in page.text
