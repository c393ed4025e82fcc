import asyncio
import gzip
import json

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gerai.chassis.testing import eventually
from local import otlp_bridge
from local.otlp_bridge import Bridge, UnableToRead, decode, translate

TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def request(service: str | None = "queue", **fields) -> ExportTraceServiceRequest:
    found = ExportTraceServiceRequest()
    resource = found.resource_spans.add()
    if service is not None:
        resource.resource.attributes.append(text("service.name", service))
    times = {"start_time_unix_nano": 1_000_000_000, "end_time_unix_nano": 1_005_000_000}
    span = Span(trace_id=TRACE, span_id=SPAN, **{"name": "issue ticket", **times, **fields})
    resource.scope_spans.add().spans.append(span)
    return found


class TestTranslation:
    def test_a_span_keeps_its_ids_its_times_and_its_service(self):
        (span,) = translate(request(parent_span_id=PARENT))
        assert span["traceId"] == TRACE.hex()
        assert (span["id"], span["parentId"]) == (SPAN.hex(), PARENT.hex())
        assert (span["timestamp"], span["duration"]) == (1_000_000, 5_000)
        assert span["localEndpoint"] == {"serviceName": "queue"}

    def test_a_root_span_has_no_parent_and_an_inner_one_no_kind(self):
        (span,) = translate(request(kind=Span.SPAN_KIND_INTERNAL))
        assert "parentId" not in span
        assert "kind" not in span

    @pytest.mark.parametrize("kind", ["SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
    def test_the_kinds_have_the_same_names(self, kind):
        (span,) = translate(request(kind=getattr(Span, f"SPAN_KIND_{kind}")))
        assert span["kind"] == kind

    def test_the_other_side_is_the_peer_service(self):
        attributes = [text("messaging.system", "kafka-1"), text("peer.service", "kafka")]
        (span,) = translate(request(kind=Span.SPAN_KIND_PRODUCER, attributes=attributes))
        assert span["remoteEndpoint"] == {"serviceName": "kafka"}

    def test_links_become_tags(self):
        link = Span.Link(trace_id=TRACE, span_id=PARENT, attributes=[text("why", "replay")])
        (span,) = translate(request(links=[link, link]))
        expected = f'{TRACE.hex()}|{PARENT.hex()}||{{"why":"replay"}}|0'
        assert span["tags"] == {"otlp.link.0": expected, "otlp.link.1": expected}

    def test_an_error_is_tagged_with_its_message(self):
        (span,) = translate(request(status=Status(code=Status.STATUS_CODE_ERROR, message="refused")))
        assert span["tags"] == {"otel.status_code": "ERROR", "error": "refused"}
        (silent,) = translate(request(status=Status(code=Status.STATUS_CODE_ERROR)))
        assert silent["tags"]["error"] == "true"

    def test_values_of_every_type_become_text(self):
        values = {
            "n": AnyValue(int_value=3),
            "yes": AnyValue(bool_value=True),
            "f": AnyValue(double_value=0.5),
            "b": AnyValue(bytes_value=b"\x01"),
            "l": AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)])),
            "e": AnyValue(),
        }
        (span,) = translate(
            request(attributes=[KeyValue(key=key, value=value) for key, value in values.items()])
        )
        assert span["tags"] == {"n": "3", "yes": "true", "f": "0.5", "b": "01", "l": '["a",1]', "e": ""}

    def test_events_become_annotations(self):
        event = Span.Event(name="retry", time_unix_nano=2_000_000, attributes=[text("attempt", "2")])
        (span,) = translate(request(events=[event]))
        assert span["annotations"] == [{"timestamp": 2_000, "value": 'retry {"attempt":"2"}'}]

    def test_a_service_without_a_name_is_unknown_and_no_time_is_a_moment(self):
        (span,) = translate(request(service=None, end_time_unix_nano=1_000_000_000))
        assert span["localEndpoint"] == {"serviceName": "unknown"}
        assert span["duration"] == 1


class TestDecoding:
    def test_takes_plain_and_gzipped_bodies(self):
        body = request().SerializeToString()
        assert decode(body, "") == decode(gzip.compress(body), "gzip") == request()

    @pytest.mark.parametrize(
        ("body", "encoding"), [(b"\xff\xff\xff", ""), (b"no gzip", "gzip"), (b"", "br"), (b"{}", "identity")]
    )
    def test_refuses_what_it_cannot_read(self, body, encoding):
        with pytest.raises(UnableToRead):
            decode(body, encoding)

    def test_refuses_a_small_body_that_unpacks_to_a_huge_one(self):
        with pytest.raises(UnableToRead, match="too large"):
            decode(gzip.compress(bytes(50_000_000)), "gzip")


class Zipkin:
    """Takes spans as the real one does; away or refusing on request."""

    def __init__(self):
        self.spans: list[dict] = []
        self.answers: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        status = self.answers.pop(0) if self.answers else 202
        if status == 0:
            raise httpx.ConnectError("away")
        if status == 202:
            self.spans += json.loads(request.content)
        return httpx.Response(status)


class TestForwarding:
    @pytest.fixture
    def zipkin(self):
        return Zipkin()

    @pytest.fixture
    async def bridge(self, zipkin):
        async with httpx.AsyncClient(transport=httpx.MockTransport(zipkin)) as client:
            bridge = Bridge("http://zipkin", client)
            forwarding = asyncio.create_task(bridge.forward())
            yield bridge
            forwarding.cancel()

    async def forwarded(self, bridge, count):
        async def done() -> int:
            return bridge.sent + bridge.dropped

        await eventually(done, lambda number: number >= count, because="the bridge forwards what it took")

    async def test_sends_again_while_zipkin_is_away(self, bridge, zipkin):
        zipkin.answers = [0, 503]
        bridge.accept(translate(request()))
        await self.forwarded(bridge, 1)
        assert [span["name"] for span in zipkin.spans] == ["issue ticket"]

    async def test_drops_and_counts_what_zipkin_refuses_for_good(self, bridge, zipkin):
        zipkin.answers = [400]
        bridge.accept(translate(request()))
        await self.forwarded(bridge, 1)
        assert bridge.state() == {"sent": 0, "dropped": 1, "waiting": 0}

    async def test_drops_and_counts_what_its_queue_has_no_room_for(self, bridge, monkeypatch):
        spans = translate(request()) * (otlp_bridge._QUEUE_SPANS + 5)
        assert bridge.accept(spans) == 5
        assert bridge.dropped == 5
