"""Traces: OpenTelemetry over OTLP/HTTP, bounded, off where no endpoint is set."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context as OtelContext
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind

QUEUE_LIMIT = 8_192


def configure(*, service: str, role: str, endpoint: str, ratio: float) -> TracerProvider:
    """Install the process's tracer. `endpoint` is the base address; empty: spans are made but not sent."""
    resource = Resource.create({"service.name": service, "service.instance.role": role})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(ratio if endpoint else 0.0))
    if endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
        provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=QUEUE_LIMIT, schedule_delay_millis=1_000)
        )
    trace.set_tracer_provider(provider)
    return provider


def tracer() -> trace.Tracer:
    return trace.get_tracer("gerai.chassis")


def parent_from(headers: dict[str, str]) -> OtelContext:
    """The caller's trace, if it sent a valid `traceparent`."""
    return propagate.extract(headers)


def traceparent_of(span: Span) -> str | None:
    """The span as a W3C `traceparent`."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@contextmanager
def step(name: str, **attributes: str | int) -> Iterator[Span]:
    """A span around a part of a request's work that is worth seeing."""
    with tracer().start_as_current_span(name, kind=SpanKind.INTERNAL, attributes=attributes) as span:
        yield span
