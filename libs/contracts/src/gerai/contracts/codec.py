"""CloudEvents 1.0 over Kafka: binary mode out, binary or structured mode in.

Binary mode puts the attributes into record headers (`ce_…`), so that a reader can route without opening the
body; see https://github.com/cloudevents/spec, Kafka protocol binding.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from gerai.contracts.event import Envelope, Event

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
STRUCTURED = "application/cloudevents+json"

Headers = Iterable[tuple[str, bytes]]


class Undecodable(Exception):
    """A record that no reader can use. `reason` is stable: missing_header, bad_header, unknown_type,
    future_version, not_json, invalid_body, no_body."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def headers_of(envelope: Envelope) -> dict[str, str]:
    """The record headers of an event, as text."""
    headers = {
        "content-type": CONTENT_TYPE,
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(envelope.id),
        "ce_type": envelope.event.type,
        "ce_source": envelope.source,
        "ce_subject": envelope.subject,
        "ce_time": envelope.time.isoformat().replace("+00:00", "Z"),
        "ce_partitionkey": envelope.subject,
        "ce_sequence": str(envelope.sequence),
        "ce_correlationid": envelope.correlation_id,
    }
    if envelope.causation_id is not None:
        headers["ce_causationid"] = envelope.causation_id
    if envelope.replayed_for is not None:
        headers["ce_replayedfor"] = envelope.replayed_for
    if envelope.traceparent is not None:
        headers["traceparent"] = envelope.traceparent
    return headers


def encode(envelope: Envelope) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of the Kafka record."""
    headers = [(name, value.encode()) for name, value in headers_of(envelope).items()]
    return envelope.subject.encode(), envelope.event.model_dump_json().encode(), headers


def peek(headers: Headers, value: bytes | None) -> str:
    """The event type, without decoding the body where that can be avoided. Raises Undecodable."""
    attributes, _ = _attributes(headers, value)
    return _need(attributes, "type")


def decode(key: bytes | None, value: bytes | None, headers: Headers) -> Envelope:
    """The event with its attributes. Raises Undecodable; never anything else, whatever the bytes are."""
    attributes, body = _attributes(headers, value)
    kind = _class_of(_need(attributes, "type"))
    subject = attributes.get("subject") or (key or b"").decode("utf-8", "replace")
    if not subject:
        raise Undecodable("missing_header", "subject")
    try:
        event = kind.parse(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = "not_json" if first["type"] == "json_invalid" else "invalid_body"
        place = ".".join(str(part) for part in first["loc"])
        raise Undecodable(reason, f"{place} {first['type']}".strip()) from error
    try:
        return Envelope(
            id=UUID(_need(attributes, "id")),
            source=_need(attributes, "source"),
            subject=subject,
            sequence=int(_need(attributes, "sequence")),
            time=datetime.fromisoformat(_need(attributes, "time")),
            correlation_id=attributes.get("correlationid") or _need(attributes, "id"),
            causation_id=attributes.get("causationid"),
            event=event,
            traceparent=attributes.get("traceparent"),
            replayed_for=attributes.get("replayedfor"),
        )
    except ValueError as error:
        raise Undecodable("bad_header", str(error)[:200]) from error


def _class_of(type: str) -> type[Event]:
    found = Event.of_type(type)
    if found is not None:
        return found
    stem, _, _ = type.rpartition(".v")
    if any(known.type.rpartition(".v")[0] == stem for known in Event.every()):
        raise Undecodable("future_version", type[:200])
    raise Undecodable("unknown_type", type[:200])


def _attributes(headers: Headers, value: bytes | None) -> tuple[Mapping[str, str], bytes]:
    """Attribute name → value, and the body of the event."""
    texts: dict[str, str] = {}
    for name, raw in headers:
        texts[name.lower()] = raw.decode("utf-8", "replace") if raw is not None else ""
    if texts.get("content-type", "").startswith(STRUCTURED):
        return _structured(value, texts)
    if not value:
        raise Undecodable("no_body", "an event has a body")
    attributes = {name[3:]: text for name, text in texts.items() if name.startswith("ce_")}
    if "traceparent" in texts:
        attributes["traceparent"] = texts["traceparent"]
    return attributes, value


def _structured(value: bytes | None, texts: Mapping[str, str]) -> tuple[Mapping[str, str], bytes]:
    try:
        whole: Any = json.loads(value or b"")
    except ValueError as error:
        raise Undecodable("not_json", str(error)[:200]) from error
    if not isinstance(whole, dict) or not isinstance(whole.get("data"), dict):
        raise Undecodable("invalid_body", "a structured event is an object with `data`")
    attributes = {name: str(text) for name, text in whole.items() if name != "data"}
    if "traceparent" not in attributes and "traceparent" in texts:
        attributes["traceparent"] = texts["traceparent"]
    return attributes, json.dumps(whole["data"]).encode()


def _need(attributes: Mapping[str, str], name: str) -> str:
    found = attributes.get(name)
    if not found:
        raise Undecodable("missing_header", f"ce_{name}")
    return found
