"""Our own spans around messages: a producer's ends after the broker's acknowledgement, a consumer's is around
the handler, and the wait in the outbox is a span, too. Unsampled messages cost next to nothing."""

import re
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
from opentelemetry.util.types import AttributeValue

from gerai.contracts.event import Envelope
from gerai.messaging.outbox import Pending
from gerai.messaging.record import Record

TRACEPARENT = "traceparent"
CAUSED_BY = "caused_by"
"""A header of an outbox row, never of a record: the `traceparent` of the request that caused the event, where the event
travels in another trace."""
_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
UNTOLD: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
"""An error's text may hold what nobody should read in a trace; see `failing`."""


def _tracer() -> trace.Tracer:
    return trace.get_tracer("gerai.messaging")


def parse(traceparent: str | None) -> SpanContext | None:
    """A `traceparent` as W3C Trace Context reads it, or None where it is missing or malformed: then a new trace begins.

    Of the flags only `sampled` is kept. A later version may have more fields behind the four that are known.
    """
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent is not None else None
    if found is None or (found["version"] == "00" and found["more"] is not None):
        return None
    sampled = int(found["flags"], 16) & TraceFlags.SAMPLED
    return SpanContext(int(found["trace"], 16), int(found["span"], 16), True, TraceFlags(sampled))


def _sampled(traceparent: str | None) -> SpanContext | None:
    context = parse(traceparent)
    return context if context is not None and context.trace_flags.sampled else None


def format_of(span: Span) -> str:
    return format_of_context(span.get_span_context())


def format_of_context(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def begin_publish(row: Pending) -> tuple[Pending, Span | None]:
    """The row as it is to be sent, with the producer span's traceparent, and the span to end when the broker has
    acknowledged. The span links to the request that caused the event, where that is another trace."""
    if "dead_reason" in row.headers:  # a dead letter keeps the headers that the poison had
        return row, None
    links: Sequence[Link] = []
    if CAUSED_BY in row.headers:
        cause = parse(_text(row, CAUSED_BY))
        links = [Link(cause)] if cause is not None else []
        row = _with_headers(row, {name: raw for name, raw in row.headers.items() if name != CAUSED_BY})
    parent = _sampled(_text(row, TRACEPARENT))
    if parent is None:
        return row, None
    context = trace.set_span_in_context(NonRecordingSpan(parent))
    event_type = _text(row, "ce_type")
    about = _about(event_type, subject=_text(row, "ce_subject"), topic=row.topic)
    wait = _tracer().start_span(
        f"outbox wait {_short(event_type)}",
        context=context,
        start_time=_nanoseconds(row.created_at),
        attributes=about,
    )
    wait.end()
    span = _tracer().start_span(
        f"send {row.topic} {_short(event_type)}",
        context=context,
        kind=SpanKind.PRODUCER,
        attributes={
            **about,
            **_operation("send"),
            "messaging.message.id": row.id,
            "messaging.message.conversation_id": _text(row, "ce_correlationid"),
        },
        links=links,
    )
    return _with_headers(row, {**row.headers, TRACEPARENT: format_of(span).encode()}), span


def end_publish(span: Span | None, *, acknowledged: bool) -> None:
    if span is None:
        return
    if not acknowledged:
        span.set_attribute("error.type", "not_acknowledged")
        span.set_status(Status(StatusCode.ERROR, "not acknowledged"))
    span.end()


@contextmanager
def handling(envelope: Envelope, record: Record, group: str) -> Iterator[str | None]:
    """Around a handler; yields the traceparent for what the handler causes. A replay is linked, not a child: it
    is a new story about an old event."""
    parent = parse(envelope.traceparent)
    if parent is None or not parent.trace_flags.sampled:
        yield format_of_context(parent) if parent is not None else None
        return
    replayed = envelope.replayed_for is not None
    context = None if replayed else trace.set_span_in_context(NonRecordingSpan(parent))
    links: Sequence[Link] = [Link(parent)] if replayed else []
    event_type = envelope.event.type
    attributes = {
        **_about(event_type, subject=envelope.subject, topic=record.topic),
        **_operation("process"),
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.message.id": str(envelope.id),
        "messaging.message.conversation_id": envelope.correlation_id,
    }
    with (
        _tracer().start_as_current_span(
            f"process {record.topic} {_short(event_type)}",
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
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise


def _text(row: Pending, header: str) -> str:
    return row.headers.get(header, b"").decode("utf-8", "replace")


def _with_headers(row: Pending, headers: Mapping[str, bytes]) -> Pending:
    return Pending(**{**vars(row), "headers": headers})


def _short(event_type: str) -> str:
    """ "queue.ticket-called.v1" → "ticket-called": what tells a span from its siblings in a list of names. There are as
    many as there are event types."""
    return event_type.partition(".")[2].rpartition(".")[0] or event_type


def _about(event_type: str, *, subject: str, topic: str) -> dict[str, AttributeValue]:
    """The event's type is the first, in the order of the alphabet, too: there a list of tags begins."""
    return {
        "cloudevents.event_type": event_type,
        "gerai.subject": subject,
        "messaging.destination.name": topic,
        "messaging.system": "kafka",
        "peer.service": "kafka",
    }


def _operation(name: str) -> dict[str, AttributeValue]:
    """For Kafka the operation's own name and its type are the same word."""
    return {"messaging.operation.name": name, "messaging.operation.type": name}


def _nanoseconds(moment: datetime) -> int:
    return min(int(moment.timestamp() * 1_000_000_000), time.time_ns())
