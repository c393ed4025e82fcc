"""Logs: one JSON object a line, constant event names, trace and correlation ids, no personal data."""

import logging
import re
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

from gerai.chassis.log_throttle import ThrottleFilter, throttled

CORRELATION_ID: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""Of the request that is being answered."""

NIK = re.compile(r"(?<![\d-])\d{2}([ .-]?\d{2}){7}(?!\d)")
PHONE = re.compile(r"(?<![\w-])(\+?62|0)[ .-]?8\d{1,3}([ .-]?\d{2,5}){2,3}(?!\w)")
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
STREAM_TICKET = re.compile(r"(?<=[?&]ticket=)[\w-]+")
LOGIN = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
SECRET_FIELDS = {"link", "token", "authorization", "password", "secret", "nik", "phone", "idempotency_key"}
DEEPEST = 5


def masked(text: str) -> str:
    """The text with what looks like a NIK, a phone number, a token or a login taken out."""
    text = STREAM_TICKET.sub("[ticket]", LOGIN.sub("[login]", TOKEN.sub("[token]", text)))
    return PHONE.sub("[phone]", NIK.sub("[nik]", text))


def mask(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The last guard: nobody should log such things, and if somebody does, they do not get out."""
    return {name: _masked_field(name, value, DEEPEST) for name, value in event.items()}


def _masked_field(name: Any, value: Any, deeper: int) -> Any:
    if isinstance(name, str) and name.startswith("_"):  # structlog's own, taken out before rendering
        return value
    return "[masked]" if str(name).lower() in SECRET_FIELDS else _masked_value(value, deeper)


def _masked_value(value: Any, deeper: int) -> Any:
    match value:
        case str():
            return masked(value)
        case None | bool() | float():
            return value
        case int():
            return masked(str(value)) if value >= 10**9 and masked(str(value)) != str(value) else value
        case dict() if deeper:
            return {masked(str(key)): _masked_field(key, one, deeper - 1) for key, one in value.items()}
        case list() | tuple() | set() | frozenset() if deeper:
            return [_masked_value(one, deeper - 1) for one in value]
        case _:
            return masked(repr(value))


def add_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What leads from a line to its trace and to its request."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    if (correlation_id := CORRELATION_ID.get()) is not None:
        event.setdefault("correlation_id", correlation_id)
    return event


def configure(*, service: str, level: str) -> None:
    """Send structlog and the standard library's logging to standard output as JSON."""
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def add_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        mask,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        add_ids,
    ]
    structlog.configure(
        processors=[throttled(), *shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(ThrottleFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(threshold, logging.WARNING))
