"""The outermost layer around every request, as plain ASGI: ids, trace, limits, security headers, metrics."""

import re
import time
import uuid
from collections.abc import Mapping

import structlog
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gerai.chassis.problems import BodyTooLarge
from gerai.chassis.traces import parent_from, traceparent_of, tracer

BODY_LIMIT = 64 * 1024
SLOW_S = 1.0
CORRELATION = re.compile(rb"^[A-Za-z0-9_-]{8,64}$")
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
UNTRACED = ("/health/", "/metrics")

REQUESTS = Counter("gerai_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "gerai_http_request_seconds",
    "Time from request to answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1, 3, 10),
)
log = structlog.get_logger(__name__)


class Edge:
    """Wraps the application. Span names and metrics carry the route's template, never the path: a path may
    hold a visitor's secret link."""

    def __init__(self, app: ASGIApp, *, body_limits: Mapping[str, int]) -> None:
        self._app = app
        self._body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        correlation = headers.get(b"x-correlation-id", b"")
        known = correlation.decode() if CORRELATION.match(correlation) else uuid.uuid4().hex
        scope["gerai.correlation_id"] = known
        exchange = _Exchange(scope, receive, send, limit=self._body_limits.get(scope["path"], BODY_LIMIT))
        if scope["path"].startswith(UNTRACED):
            scope["gerai.traceparent"] = None
            await self._app(scope, exchange.receive, exchange.send)
            return
        sent = {"traceparent": headers[b"traceparent"].decode("latin-1")} if b"traceparent" in headers else {}
        span = tracer().start_span(scope["method"], context=parent_from(sent), kind=SpanKind.SERVER)
        scope["gerai.traceparent"] = traceparent_of(span)
        begun = time.perf_counter()
        try:
            with trace.use_span(
                span, end_on_exit=False, record_exception=False, set_status_on_exception=False
            ):
                await self._app(scope, exchange.receive, exchange.send)
        finally:
            self._finish(scope, span, exchange.status, time.perf_counter() - begun)

    def _finish(self, scope: Scope, span: trace.Span, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"]
        REQUESTS.labels(method, route, status).inc()
        SECONDS.labels(method, route).observe(seconds)
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attribute("http.request.method", method)
            span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("gerai.correlation_id", scope["gerai.correlation_id"])
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        span.end()
        if status >= 500 or (seconds > SLOW_S and "event-stream" not in scope.get("gerai.content_type", "")):
            log.warning(
                "request",
                method=method,
                route=route,
                status=status,
                seconds=round(seconds, 3),
                correlation_id=scope["gerai.correlation_id"],
            )


class _Exchange:
    """One request's receive and send, counted and completed."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, limit: int) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = limit
        self._taken = 0
        self.status = 500

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._limit:
                raise BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), *SECURITY_HEADERS]
            headers.append((b"x-correlation-id", self._scope["gerai.correlation_id"].encode()))
            if self._scope.get("gerai.traceparent"):
                headers.append((b"traceresponse", self._scope["gerai.traceparent"].encode()))
            self._scope["gerai.content_type"] = dict(headers).get(b"content-type", b"").decode("latin-1")
            message = {**message, "headers": headers}
        await self._send(message)
