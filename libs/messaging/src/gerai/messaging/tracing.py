"""Our own spans around messages: a producer's ends after the broker's acknowledgement, a consumer's is around
the handler, and the wait in the outbox is a span, too. Unsampled messages cost next to nothing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from gerai.contracts.event import Envelope
from gerai.messaging.outbox import Pending

TRACEPARENT = "traceparent"
UNTOLD: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
"""An error's text may hold what nobody should read in a trace; see `failing`."""


def _tracer() -> trace.Tracer:
    return trace.get_tracer("gerai.messaging")


def parse(traceparent: str | None) -> SpanContext | None:
    """A W3C `traceparent`, or None where it is missing or malformed."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    if len(parts) < 4 or (len(parts[1]), len(parts[2]), len(parts[3])) != (32, 16, 2):
        return None
    try:
        return SpanContext(int(parts[1], 16), int(parts[2], 16), True, TraceFlags(int(parts[3], 16)))
    except ValueError:
        return None


def _sampled(traceparent: str | None) -> SpanContext | None:
    context = parse(traceparent)
    return context if context is not None and context.trace_flags.sampled else None


def format_of(span: Span) -> str:
    return format_of_context(span.get_span_context())


def format_of_context(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def begin_publish(row: Pending) -> tuple[Pending, Span | None]:
    """The row with the producer span's traceparent, and the span to end when the broker has acknowledged."""
    raw = row.headers.get(TRACEPARENT)
    parent = _sampled(raw.decode("latin-1") if raw else None)
    if parent is None or "dead_reason" in row.headers:  # a dead letter keeps the headers that the poison had
        return row, None
    context = trace.set_span_in_context(NonRecordingSpan(parent))
    attributes = _attributes(row.topic, _text(row, "ce_subject"), _text(row, "ce_type"))
    wait = _tracer().start_span(
        "outbox wait", context=context, start_time=_nanoseconds(row.created_at), attributes=attributes
    )
    wait.end()
    span = _tracer().start_span(
        f"{row.topic} publish", context=context, kind=SpanKind.PRODUCER, attributes=attributes
    )
    headers = {**row.headers, TRACEPARENT: format_of(span).encode()}
    return Pending(**{**vars(row), "headers": headers}), span


def end_publish(span: Span | None, *, acknowledged: bool) -> None:
    if span is None:
        return
    if not acknowledged:
        span.set_status(Status(StatusCode.ERROR, "not acknowledged"))
    span.end()


@contextmanager
def handling(envelope: Envelope, topic: str, group: str) -> Iterator[str | None]:
    """Around a handler; yields the traceparent for what the handler causes. A replay is linked, not a child: it
    is a new story about an old event."""
    parent = _sampled(envelope.traceparent)
    if parent is None:
        yield envelope.traceparent
        return
    replayed = envelope.replayed_for is not None
    context = None if replayed else trace.set_span_in_context(NonRecordingSpan(parent))
    links: Sequence[Link] = [Link(parent)] if replayed else []
    attributes = {
        **_attributes(topic, envelope.subject, envelope.event.type),
        "messaging.consumer.group.name": group,
    }
    with (
        _tracer().start_as_current_span(
            f"{topic} process",
            context=context,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            links=links,
            **UNTOLD,
        ) as span,
        failing(span),
    ):
        yield format_of(span)


@contextmanager
def failing(span: Span) -> Iterator[None]:
    """A span around what fails says so, by the error's name alone."""
    try:
        yield
    except Exception as error:
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise


def _text(row: Pending, header: str) -> str:
    return row.headers.get(header, b"").decode("utf-8", "replace")


def _attributes(topic: str, subject: str, event_type: str) -> Mapping[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "peer.service": "kafka",
        "gerai.subject": subject,
        "gerai.event": event_type,
    }


def _nanoseconds(moment: datetime) -> int:
    return min(int(moment.timestamp() * 1_000_000_000), time.time_ns())
