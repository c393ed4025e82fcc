"""Logs: one JSON object a line, constant event names, trace and correlation ids, no personal data."""

import logging
import re
import sys
from typing import Any

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor, WrappedLogger

NIK = re.compile(r"(?<!\d)\d{16}(?!\d)")
PHONE = re.compile(r"(?<![\w-])(\+62|62|0)8\d{7,11}(?!\w)")
TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
LINK_FIELDS = {"link", "token", "authorization", "password", "secret"}


def masked(text: str) -> str:
    """The text with what looks like a NIK, a phone number or a token taken out."""
    text = TOKEN.sub("[token]", text)
    text = NIK.sub("[nik]", text)
    return PHONE.sub("[phone]", text)


def mask(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The last guard: nobody should log such things, and if somebody does, they do not get out."""
    return {
        name: "[masked]" if name in LINK_FIELDS else _masked_value(value) for name, value in event.items()
    }


def _masked_value(value: Any) -> Any:
    match value:
        case str():
            return masked(value)
        case dict():
            return {
                key: "[masked]" if key in LINK_FIELDS else _masked_value(one) for key, one in value.items()
            }
        case list() | tuple():
            return [_masked_value(one) for one in value]
        case _:
            return value


def add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
        event["span_id"] = f"{span.span_id:016x}"
    return event


def configure(*, service: str, level: str) -> None:
    """Send structlog and the standard library's logging to standard output as JSON."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
        structlog.processors.format_exc_info,
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
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
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(threshold, logging.WARNING))
    structlog.contextvars.bind_contextvars(service=service)
