"""Traces: OpenTelemetry over OTLP/HTTP, bounded, off where no endpoint is set.

A trace begins at the edge or with the caller, and it is decided there whether it is kept; everything behind
follows. A request that is not kept costs next to nothing, and has ids all the same, for the logs.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context as OtelContext
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from gerai.messaging.tracing import UNTOLD, failing, format_of, parse

QUEUE_LIMIT = 8_192
_NO_PARENT = OtelContext()


class _Sampling:
    """The process's share of requests that are kept; set once, by `configure`."""

    ratio = 0.0
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
    _Sampling.tracer = provider.get_tracer("gerai.chassis")
    return provider


def begin_request(method: str, traceparent: str | None) -> Span:
    """The server's span, within the caller's trace if it sent a valid `traceparent`. It has no name yet: that is
    the route's template, never the path, which may hold a visitor's secret link."""
    parent = parse(traceparent)
    if parent is not None and parent.is_valid:
        if not parent.trace_flags.sampled:
            return _not_kept(parent.trace_id)
        context = trace.set_span_in_context(NonRecordingSpan(parent), _NO_PARENT)
    elif random.random() >= _Sampling.ratio:
        return _not_kept(random.getrandbits(128) or 1)
    else:
        context = _NO_PARENT
    return _Sampling.tracer.start_span(method, context=context, kind=SpanKind.SERVER)


def _not_kept(trace_id: int) -> Span:
    return NonRecordingSpan(SpanContext(trace_id, random.getrandbits(64) or 1, is_remote=False))


def end_request(span: Span, *, method: str, route: str, status: int, correlation_id: str) -> None:
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "gerai.correlation_id": correlation_id,
            }
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
    span.end()


def traceparent_of(span: Span) -> str | None:
    """The span as a W3C `traceparent`."""
    return format_of(span) if span.get_span_context().is_valid else None


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
