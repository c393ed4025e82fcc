"""`python -m local.otlp_bridge ZIPKIN PORT`: takes OTLP/HTTP, hands the spans to Zipkin.

Services speak OTLP only. Locally this does what the Zipkin exporter of the OpenTelemetry Collector does elsewhere,
also in how it names things. It may lose spans, and says how many; it never makes a service wait.
"""

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import uvicorn
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.ports import HOST

_MAX_BODY = 8_000_000
_QUEUE_SPANS = 20_000
_BATCH_SPANS = 1_000
_FIRST_PAUSE_SECONDS = 0.2
_LAST_PAUSE_SECONDS = 2.0
_ZIPKIN_SECONDS = 5.0

_KINDS = {
    Span.SPAN_KIND_SERVER: "SERVER",
    Span.SPAN_KIND_CLIENT: "CLIENT",
    Span.SPAN_KIND_PRODUCER: "PRODUCER",
    Span.SPAN_KIND_CONSUMER: "CONSUMER",
}
# The other side of a span, by the first of these attributes that it has.
_PEER = ("peer.service", "messaging.system", "db.system", "server.address")


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


def translate(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    """The spans of an OTLP request as Zipkin v2 JSON."""
    spans = []
    for resource in request.resource_spans:
        attributes = _texts(resource.resource.attributes)
        service = attributes.get("service.name", "unknown")
        for scope in resource.scope_spans:
            spans += [_span(span, service) for span in scope.spans]
    return spans


def _span(span: Span, service: str) -> dict[str, Any]:
    tags = _texts(span.attributes)
    # Zipkin has no links, so they become tags, as the Collector does it: trace|span|state|attributes|dropped.
    for number, link in enumerate(span.links):
        attributes = orjson.dumps(_texts(link.attributes)).decode()
        parts = (link.trace_id.hex(), link.span_id.hex(), link.trace_state, attributes)
        tags[f"otlp.link.{number}"] = "|".join([*parts, str(link.dropped_attributes_count)])
    if span.status.code == Status.STATUS_CODE_ERROR:
        tags["otel.status_code"] = "ERROR"
        tags["error"] = span.status.message or "true"
    elif span.status.code == Status.STATUS_CODE_OK:
        tags["otel.status_code"] = "OK"
    body: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "name": span.name,
        "timestamp": span.start_time_unix_nano // 1_000,
        "duration": max(1, (span.end_time_unix_nano - span.start_time_unix_nano) // 1_000),
        "localEndpoint": {"serviceName": service},
        "tags": tags,
    }
    if span.parent_span_id:
        body["parentId"] = span.parent_span_id.hex()
    if span.kind in _KINDS:
        body["kind"] = _KINDS[span.kind]
        peer = next((tags[name] for name in _PEER if tags.get(name)), None)
        if peer is not None and body["kind"] != "SERVER":
            body["remoteEndpoint"] = {"serviceName": peer}
    if span.events:
        body["annotations"] = [
            {"timestamp": event.time_unix_nano // 1_000, "value": _annotation(event)} for event in span.events
        ]
    return body


def _annotation(event: Span.Event) -> str:
    attributes = _texts(event.attributes)
    return f"{event.name} {orjson.dumps(attributes).decode()}" if attributes else event.name


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {attribute.key: _text(attribute.value) for attribute in attributes}


def _text(value: AnyValue) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else orjson.dumps(plain).decode()


def _plain(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return ""
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {item.key: _plain(item.value) for item in value.kvlist_value.values}
        case "bytes_value":
            return value.bytes_value.hex()
        case kind:
            return getattr(value, kind)


class Bridge:
    """A bounded queue of spans between what services send and what Zipkin takes."""

    def __init__(self, zipkin: str, client: httpx.AsyncClient) -> None:
        self._target = f"{zipkin}/api/v2/spans"
        self._client = client
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_QUEUE_SPANS)
        self.sent = 0
        self.dropped = 0

    def accept(self, spans: list[dict[str, Any]]) -> int:
        """Take what there is room for; the number of spans that were dropped."""
        dropped = 0
        for span in spans:
            try:
                self._waiting.put_nowait(span)
            except asyncio.QueueFull:
                dropped += 1
        self.dropped += dropped
        return dropped

    async def forward(self) -> None:
        """Send batch after batch. While Zipkin is away the batch waits and the queue fills."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _BATCH_SPANS and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._insist(batch)

    async def _insist(self, batch: list[dict[str, Any]]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not await self._send(batch):
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LAST_PAUSE_SECONDS)

    async def flush(self) -> None:
        """The last try at the end: what is still queued, once."""
        rest = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        if rest:
            await self._send(rest)

    async def _send(self, batch: list[dict[str, Any]]) -> bool:
        """True when the batch is dealt with, False when it is worth another try."""
        headers = {"content-type": "application/json"}
        try:
            response = await self._client.post(self._target, content=orjson.dumps(batch), headers=headers)
        except httpx.TransportError:
            return False
        if response.is_success:
            self.sent += len(batch)
        elif response.is_server_error:
            return False
        else:
            self.dropped += len(batch)
            print(
                f"Zipkin refuses {len(batch)} spans: {response.status_code} {response.text[:200]}", flush=True
            )
        return True

    def state(self) -> dict[str, int]:
        return {"sent": self.sent, "dropped": self.dropped, "waiting": self._waiting.qsize()}


class UnableToRead(Exception):
    """A body that is no OTLP request."""


def decode(body: bytes, encoding: str) -> ExportTraceServiceRequest:
    """An OTLP body, gzipped or not. What it unpacks to is bounded, too."""
    if encoding == "gzip":
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            body = unpacker.decompress(body, _MAX_BODY)
        except zlib.error as error:
            raise UnableToRead("the body is not gzip") from error
        if unpacker.unconsumed_tail:
            raise UnableToRead("the unpacked body is too large")
    elif encoding not in ("", "identity"):
        raise UnableToRead(f"unknown content-encoding {encoding}")
    try:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        return request
    except DecodeError as error:
        raise UnableToRead("the body is not an OTLP trace request") from error


def app(zipkin: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Bridge]]:
        async with httpx.AsyncClient(timeout=_ZIPKIN_SECONDS, verify=False, trust_env=False) as client:
            bridge = Bridge(zipkin, client)
            forwarding = asyncio.create_task(bridge.forward())
            yield {"bridge": bridge}
            forwarding.cancel()
            await asyncio.wait({forwarding})
            await bridge.flush()

    async def traces(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY:
                return JSONResponse({"message": "the body is too large"}, status_code=413)
        try:
            spans = translate(decode(body, request.headers.get("content-encoding", "")))
        except UnableToRead as error:
            return JSONResponse({"message": str(error)}, status_code=400)
        request.state.bridge.accept(spans)
        return Response(b"", media_type="application/x-protobuf")

    async def elsewhere(request: Request) -> Response:
        """Metrics and logs are taken and dropped: locally /metrics and the log files show them."""
        return Response(b"", media_type="application/x-protobuf")

    async def health(request: Request) -> Response:
        return JSONResponse(request.state.bridge.state())

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/v1/traces", traces, methods=["POST"]),
            Route("/v1/metrics", elsewhere, methods=["POST"]),
            Route("/v1/logs", elsewhere, methods=["POST"]),
            Route("/health/ready", health),
        ],
    )


def main(zipkin: str, port: str) -> None:
    uvicorn.run(app(zipkin), host=HOST, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
