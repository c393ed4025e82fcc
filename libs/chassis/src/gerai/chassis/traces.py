"""Traces: OpenTelemetry over OTLP/HTTP, bounded, off where no endpoint is set.

It is decided where a request comes in whether its trace is kept; everything behind follows. A request that is not kept
costs next to nothing, and has ids all the same, for the logs.
"""

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Token

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context as OtelContext
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from gerai.chassis.auth import Caller
from gerai.messaging.tracing import UNTOLD, failing, format_of, parse

QUEUE_LIMIT = 8_192
ASKED_AT_ONCE = 20
ASKED_PER_S = 1.0
"""So many requests a second, after a burst, are kept because their callers asked for it, beyond the ratio."""
ASKED_AT_ONCE_BY_ONE = 5
ASKED_PER_S_BY_ONE = 0.2
"""The same of one subject."""
RESERVE = 10
"""Of `ASKED_AT_ONCE`, so many are for subjects that have not asked lately: whose own allowance is whole."""
SUBJECTS_KNOWN = 1_024
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
"""What semantic conventions let into span names and attributes; another one is `_OTHER`."""
_NO_PARENT = OtelContext()


class _Bucket:
    """So many at once, and so many a second more."""

    def __init__(self, most: float, per_s: float, at: float) -> None:
        self.most = most
        self.left = most
        self._per_s = per_s
        self._at = at

    def refill(self, now: float) -> None:
        self.left = min(self.most, self.left + (now - self._at) * self._per_s)
        self._at = now


class Allowance:
    """How many traces callers may have kept by asking: each subject a few, and all subjects together."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._all = _Bucket(ASKED_AT_ONCE, ASKED_PER_S, now())
        self._subjects: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._subjects)

    def take(self, subject: str) -> bool:
        """Whether this subject's request is kept. One that asked lately leaves the reserve to those that did not; it
        has asked, too, where it was refused."""
        now = self._now()
        own = self._of(subject, now)
        own.refill(now)
        self._all.refill(now)
        reserve = 0.0 if own.left == own.most else RESERVE
        if own.left < 1:
            return False
        own.left -= 1
        if self._all.left < 1 + reserve:
            return False
        self._all.left -= 1
        return True

    def _of(self, subject: str, now: float) -> _Bucket:
        own = self._subjects.get(subject)
        if own is None:
            own = self._subjects[subject] = _Bucket(ASKED_AT_ONCE_BY_ONE, ASKED_PER_S_BY_ONE, now)
            if len(self._subjects) > SUBJECTS_KNOWN:
                self._subjects.popitem(last=False)
        self._subjects.move_to_end(subject)
        return own


class _Sampling:
    """The process's share of requests that are kept; set once, by `configure`."""

    ratio = 0.0
    allowance: Allowance | None = None
    """None: nothing is sent, so asking is in vain."""
    tracer: trace.Tracer = trace.NoOpTracer()


def configure(*, service: str, role: str, endpoint: str, ratio: float) -> TracerProvider:
    """Install the process's tracer. `endpoint` is the base address; empty: spans are made but not sent."""
    resource = Resource.create({"service.name": service, "gerai.role": role})
    provider = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    if endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=QUEUE_LIMIT, schedule_delay_millis=1_000)
        )
    trace.set_tracer_provider(provider)
    _Sampling.ratio = ratio if endpoint else 0.0
    _Sampling.allowance = Allowance() if endpoint else None
    _Sampling.tracer = provider.get_tracer("gerai.chassis")
    return provider


class RequestTrace:
    """The server's span of one request.

    It begins when it is known who asks, dated back to when the request came in: only an authenticated caller's
    `traceparent` may put the request into the caller's trace. Anybody else's is linked, so that nobody can write into
    a trace that is not theirs. In both cases it is ours to say whether the trace is kept.
    """

    def __init__(self, method: str, traceparents: list[bytes]) -> None:
        """`traceparents`: each header of that name. Several are as good as none (W3C Trace Context)."""
        self._method = method if method in METHODS else "_OTHER"
        sent = traceparents[0].decode("latin-1").strip(" \t") if len(traceparents) == 1 else None
        self._offered = parse(sent)
        self._came_at = time.time_ns()
        self._span: Span | None = None
        self._traceparent = ""
        self._token: Token[OtelContext] | None = None

    def begin(self, caller: Caller | None) -> None:
        """Who asks is known; only the first call counts. None: nobody who is authenticated."""
        if self._span is not None:
            return
        offered = self._offered
        if caller is not None and offered is not None:
            self._span = self._joining(offered, caller)
        else:
            self._span = self._new(offered)
        self._traceparent = format_of(self._span)
        self._token = otel_context.attach(trace.set_span_in_context(self._span))

    def _joining(self, offered: SpanContext, caller: Caller) -> Span:
        """In the caller's trace; kept if the caller keeps it, too, and we have chosen it or can afford it."""
        if offered.trace_flags.sampled and (_chosen() or _affordable(caller)):
            return self._started(trace.set_span_in_context(NonRecordingSpan(offered), _NO_PARENT))
        return _not_kept(offered.trace_id)

    def _new(self, offered: SpanContext | None) -> Span:
        if not _chosen():
            return _not_kept(random.getrandbits(128) or 1)
        return self._started(_NO_PARENT, links=[Link(offered)] if offered is not None else [])

    def _started(self, context: OtelContext, links: Iterable[Link] = ()) -> Span:
        """It has no name yet: that is the route's template, never the path, which may hold a visitor's secret link."""
        return _Sampling.tracer.start_span(
            self._method, context=context, kind=SpanKind.SERVER, links=list(links), start_time=self._came_at
        )

    @property
    def traceparent(self) -> str:
        """Of the server's span, which has begun."""
        assert self._span is not None
        return self._traceparent

    def end(self, *, route: str | None, scheme: str, status: int, correlation_id: str) -> None:
        """`route`: the template that was matched, if any. There is no `url.path`, though conventions ask for it: a
        visitor's link stands in it."""
        self.begin(None)
        assert self._span is not None
        if self._span.is_recording():
            name = "HTTP" if self._method == "_OTHER" else self._method
            self._span.update_name(f"{name} {route}" if route is not None else name)
            self._span.set_attributes(
                {
                    "http.request.method": self._method,
                    "url.scheme": scheme,
                    "http.response.status_code": status,
                    "gerai.correlation_id": correlation_id,
                    **({"http.route": route} if route is not None else {}),
                }
            )
            if status >= 500:
                self._span.set_attribute("error.type", str(status))
                self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        if self._token is not None:
            otel_context.detach(self._token)


def _chosen() -> bool:
    return random.random() < _Sampling.ratio


def _affordable(caller: Caller) -> bool:
    allowance = _Sampling.allowance
    return allowance is not None and allowance.take(caller.name)


def _not_kept(trace_id: int) -> Span:
    return NonRecordingSpan(SpanContext(trace_id, random.getrandbits(64) or 1, is_remote=False))


def link_to(traceparents: Iterable[str]) -> None:
    """Let the request's span lead to other traces: those of the visits whose events it caused."""
    span = trace.get_current_span()
    if span.is_recording():
        for one in traceparents:
            if (context := parse(one)) is not None:
                span.add_link(context)


@contextmanager
def step(name: str) -> Iterator[None]:
    """A span around a part of a request that is worth seeing; next to nothing where the request is not sampled."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with (
        _Sampling.tracer.start_as_current_span(name, kind=SpanKind.INTERNAL, **UNTOLD) as span,
        failing(span),
    ):
        yield
