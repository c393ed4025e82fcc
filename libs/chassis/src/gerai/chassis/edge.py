"""The outermost layer around every request, as plain ASGI: ids, trace, limits, security headers, metrics."""

import random
import re
import time
from urllib.parse import unquote_to_bytes

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gerai.chassis import metrics, problems
from gerai.chassis.admission import Admission
from gerai.chassis.bodies import JSON_LIMIT
from gerai.chassis.health import Health
from gerai.chassis.logs import CORRELATION_ID
from gerai.chassis.problems import GONE, BodyTooLarge, ClientGone, Problem
from gerai.chassis.traces import RequestTrace

SLOW_S = 1.0
CORRELATION = re.compile(rb"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SECURITY_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
NO_STORE = (b"cache-control", b"no-store")
PAGE_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
)
"""Of a page that states none: it loads and runs what the service itself serves, nothing inline, and stands in no frame.
To escape what stands in it is the page's own business."""
OPERATORS = frozenset({"/health/live", "/health/ready", "/health/startup", "/metrics"})
"""Neither traced nor among the requests that metrics count."""

log = structlog.get_logger(__name__)


class Edge:
    """Wraps the application. Span names and metrics carry the route's template, never the path: a path may
    hold a visitor's secret link."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        health: Health | None = None,
        admission: Admission | None = None,
    ) -> None:
        """With `health`, nothing but health and metrics is answered before the process has started. With `admission`,
        whoever is answered without being a known caller is counted by address, whatever was asked for."""
        self._app = app
        self.admission = admission
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        known = _correlation_id(headers.get(b"x-correlation-id"))
        scope["gerai.correlation_id"] = known
        scope["gerai.trace"] = None
        CORRELATION_ID.set(known)
        path: str = scope["path"]
        exchange = Exchange(scope, receive, send, admission=self.admission)
        scope["gerai.exchange"] = exchange
        try:
            if path in OPERATORS:
                await self._answer(scope, exchange)
            else:
                await self._answer_traced(scope, exchange)
        finally:
            del scope["gerai.exchange"]  # they hold each other: only the collector would find them

    async def _answer_traced(self, scope: Scope, exchange: "Exchange") -> None:
        asked = [value for name, value in scope["headers"] if name == b"traceparent"]
        scope["gerai.trace"] = RequestTrace(scope["method"], asked)
        begun = time.perf_counter()
        try:
            await self._answer(scope, exchange, self._refusal(scope))
        finally:
            self._finish(scope, exchange, time.perf_counter() - begun)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """What keeps this request from coming in at all."""
        if self._health is not None and not self._health.started:
            return 503, "busy"
        query: bytes = scope["query_string"]
        if not scope["path"].isprintable() or (b"%" in query and not _shows_all(query)):
            return 422, "hidden_character"
        return None

    async def _answer(
        self, scope: Scope, exchange: "Exchange", refusal: tuple[int, str] | None = None
    ) -> None:
        """Whatever the application does, there is an answer, and nothing of ours in it but a code."""
        try:
            if refusal is not None:
                status, code = refusal
                waits = {"Retry-After": "1"} if status == 503 else None
                refused = problems.own(Request(scope), status, code, headers=waits)
                await refused(scope, exchange.receive, exchange.send)
                return
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            failed = await problems.on_bug(Request(scope), error)
            if exchange.gone:
                return  # nobody hears any more what went wrong because the client had left
            if exchange.status is None:
                await failed(scope, exchange.receive, exchange.send)
            elif not exchange.complete:
                raise  # half an answer is out: the server must break the connection

    def _finish(self, scope: Scope, exchange: "Exchange", seconds: float) -> None:
        template = getattr(scope.get("route"), "path", None)
        route = template or "unmatched"
        method, correlation_id = scope["method"], scope["gerai.correlation_id"]
        status = exchange.status or GONE
        metrics.count(method, route, status, seconds)
        trace: RequestTrace = scope["gerai.trace"]
        trace.end(route=template, scheme=scope["scheme"], status=status, correlation_id=correlation_id)
        # Refusals are told by their count: a line for each would be a stranger's way to fill the logs.
        slow = status < 400 and seconds > SLOW_S and not exchange.may_last
        if slow or (status >= 500 and status != 503):
            log.warning("request", method=method, route=route, status=status, seconds=round(seconds, 3))


def _correlation_id(sent: bytes | None) -> str:
    """The client's own, if it is a UUID or 32 hexadecimal digits; in a freer one a NIK or a phone number could get
    into events and logs."""
    if sent is not None and CORRELATION.fullmatch(sent):
        return sent.decode()
    return f"{random.getrandbits(128):032x}"


def _shows_all(query: bytes) -> bool:
    return unquote_to_bytes(query).decode("utf-8", "replace").isprintable()


class Exchange:
    """One request's receive and send, counted and completed."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        admission: Admission | None = None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = JSON_LIMIT
        self._taken = 0
        self._whole = False
        self._connection = scope.get("gerai.connection")
        self._admission = admission
        self._replaced = False
        self._left = False
        self.status: int | None = None
        self.complete = False
        self.may_last = False
        """Its body or its answer is a stream: that it takes long is no sign of anything."""

    @property
    def gone(self) -> bool:
        """Whether the client left before it had an answer."""
        return self._left or (self._connection is not None and self._connection.gone)

    def limit_body(self, limit: int) -> None:
        """What the route says: the body may have so many bytes."""
        self._limit = limit

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            if self._taken > self._limit:
                raise BodyTooLarge
            self._whole = not message.get("more_body", False)
        elif not self._whole:
            self._left = True
            raise ClientGone
        return message

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            if self._is_uncounted() and await self._asks_too_often():
                return
            self.status = GONE if self.gone else message["status"]
            message = {**message, "headers": self._completed(message.get("headers", ()))}
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
        await self._send(message)

    def _is_uncounted(self) -> bool:
        """A route counts whom it asks who they are; here everybody else is counted: at unknown addresses, with other
        methods, for health."""
        scope = self._scope
        return self._admission is not None and "gerai.caller" not in scope and "gerai.counted" not in scope

    async def _asks_too_often(self) -> bool:
        """Whether 429 has gone out in place of the answer that was about to."""
        assert self._admission is not None
        request = Request(self._scope)
        try:
            await self._admission.stranger_asks(request)
        except Problem as problem:
            refused = await problems.on_problem(request, problem)
            await refused(self._scope, self.receive, self.send)
            self._replaced = True
        return self._replaced

    def _completed(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        headers = [*given, *SECURITY_HEADERS]
        stated = cached = is_page = False
        for name, value in given:
            if name == b"content-type":
                self.may_last |= value.startswith(b"text/event-stream")
                is_page = value.startswith(b"text/html")
            elif name == b"cache-control":
                cached = True
            elif name == b"content-security-policy":
                stated = True
        if not cached:
            headers.append(NO_STORE)
        if is_page and not stated:
            headers.append(PAGE_POLICY)
        headers.append((b"x-correlation-id", self._scope["gerai.correlation_id"].encode()))
        trace: RequestTrace | None = self._scope["gerai.trace"]
        if trace is not None:
            trace.begin(None)
            headers.append((b"traceresponse", trace.traceparent.encode()))
        return headers
