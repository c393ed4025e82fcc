"""CloudEvents 1.0 over Kafka: binary mode out, binary or structured mode in.

Binary mode puts the attributes into record headers (`ce_…`), so that a reader can route without opening the
body; see https://github.com/cloudevents/spec, Kafka protocol binding. Why it is written here and not taken
from the `cloudevents` package: docs/adr/0004-cloudevents-binary.md.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from gerai.contracts.event import Envelope, Event
from gerai.contracts.text import hidden_at

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
STRUCTURED = "application/cloudevents+json"
NAMES = frozenset(
    {
        "source",
        "subject",
        "partitionkey",
        "correlationid",
        "causationid",
        "replayedfor",
        "replayedfrom",
        "overrides",
    }
)
NAME_LIMIT = 256
MARKS = ("replayedfor", "replayedfrom", "overrides")
"""What a replay adds: in both modes these are headers."""

Headers = Iterable[tuple[str, bytes]]
T = TypeVar("T")

_VERSIONED = re.compile(r"(?P<stem>.+)\.v(?P<version>[1-9][0-9]{0,5})")
_SEQUENCE = re.compile(r"[1-9][0-9]{0,17}")


class Reason(StrEnum):
    """Why a record can't be read, or is not believed. The codes are part of dead letters, metrics and alerts: never rename one."""

    MISSING_HEADER = "missing_header"
    BAD_HEADER = "bad_header"
    UNKNOWN_TYPE = "unknown_type"
    FUTURE_VERSION = "future_version"
    NOT_JSON = "not_json"
    INVALID_BODY = "invalid_body"
    NO_BODY = "no_body"
    WRONG_TOPIC = "wrong_topic"
    FOREIGN_SOURCE = "foreign_source"
    WRONG_KEY = "wrong_key"
    WRONG_SUBJECT = "wrong_subject"


class Undecodable(Exception):
    """A record that no reader can use. `detail` names the place, never the value that stood there."""

    def __init__(self, reason: Reason, detail: str) -> None:
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
        "ce_time": _utc(envelope.time),
        "ce_partitionkey": envelope.subject,
        "ce_sequence": str(envelope.sequence),
        "ce_correlationid": envelope.correlation_id,
    }
    if envelope.causation_id is not None:
        headers["ce_causationid"] = envelope.causation_id
    if envelope.replayed_for is not None:
        headers["ce_replayedfor"] = envelope.replayed_for
    if envelope.replayed_from is not None:
        headers["ce_replayedfrom"] = envelope.replayed_from
    if envelope.overrides is not None:
        headers["ce_overrides"] = envelope.overrides
    if envelope.traceparent is not None:
        headers["traceparent"] = envelope.traceparent
    return headers


def encode(envelope: Envelope) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of the Kafka record."""
    headers = [(name, value.encode()) for name, value in headers_of(envelope).items()]
    return envelope.subject.encode(), envelope.event.model_dump_json().encode(), headers


def peek(headers: Headers, value: bytes | None) -> str:
    """The event type, without opening the body where that can be avoided. Raises Undecodable.

    A reader asks this of every record, also of the many that it doesn't want.
    """
    headers = tuple(headers)
    for name, raw in headers:
        if name == "ce_type" and raw:
            return _text(name, raw)
    attributes, _ = _attributes(headers, value)
    return _need(attributes, "type")


def stated_id(headers: Headers, value: bytes | None) -> str | None:
    """The event id that a record states, in either mode, also one that cannot be read otherwise; None where there is
    none. To find a record by, not to believe it."""
    headers = tuple(headers)
    try:
        attributes, _ = _attributes(headers, value)
    except Undecodable:
        return next((raw.decode(errors="replace") for name, raw in headers if name == "ce_id" and raw), None)
    return attributes.get("id")


def believe(envelope: Envelope, *, key: bytes | None, topic: str) -> None:
    """Raises Undecodable where a record is not what it says: on another topic than its event's (`topic`: where it stands,
    or stood before it was replayed), from another source than the topic's owner, under another key than its subject,
    or with a body about another aggregate.

    Who may write to a topic at all is the broker's to say (ACLs); this keeps one owner's mistake, or one stolen
    password, from speaking for another.
    """
    event = envelope.event
    if topic != event.topic.name:
        raise Undecodable(Reason.WRONG_TOPIC, f"{event.type} belongs to {event.topic.name}")
    if envelope.source != event.topic.source:
        raise Undecodable(Reason.FOREIGN_SOURCE, f"ce_source: only {event.topic.source} speaks on {topic}")
    if key != envelope.subject.encode():
        raise Undecodable(Reason.WRONG_KEY, "the record key is not ce_subject")
    if event.aggregate_id() != envelope.subject:
        raise Undecodable(Reason.WRONG_SUBJECT, f"ce_subject is not {event.subject_form} of the body")


def decode(key: bytes | None, value: bytes | None, headers: Headers) -> Envelope:
    """The event with its attributes. Raises Undecodable; never anything else, whatever the bytes are."""
    attributes, body = _attributes(headers, value)
    kind = _class_of(_need(attributes, "type"))
    if _need(attributes, "specversion") != SPEC_VERSION:
        raise Undecodable(Reason.BAD_HEADER, f"ce_specversion: only {SPEC_VERSION} is read")
    for name in NAMES & attributes.keys():
        _require_plain(name, attributes[name])
    subject = attributes.get("subject") or _subject_of(key)
    if attributes.get("partitionkey", subject) != subject:
        raise Undecodable(Reason.WRONG_KEY, "ce_partitionkey is not ce_subject")
    return Envelope(
        id=_read(attributes, "id", UUID),
        source=_need(attributes, "source"),
        subject=subject,
        sequence=_read(attributes, "sequence", _sequence),
        time=_read(attributes, "time", _instant),
        correlation_id=attributes.get("correlationid") or _need(attributes, "id"),
        causation_id=attributes.get("causationid"),
        event=_parse(kind, body),
        traceparent=attributes.get("traceparent"),
        replayed_for=attributes.get("replayedfor"),
        replayed_from=attributes.get("replayedfrom"),
        overrides=attributes.get("overrides"),
    )


def _parse(kind: type[Event], body: bytes) -> Event:
    try:
        return kind.parse(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        reason = Reason.NOT_JSON if first["type"] == "json_invalid" else Reason.INVALID_BODY
        place = ".".join(str(part) for part in first["loc"])
        raise Undecodable(reason, f"{place} {first['type']}".strip()) from error


def _class_of(type: str) -> type[Event]:
    found = Event.of_type(type)
    if found is not None:
        return found
    parts = _VERSIONED.fullmatch(type)
    if parts is not None and any(known.type.startswith(f"{parts['stem']}.v") for known in Event.every()):
        raise Undecodable(Reason.FUTURE_VERSION, type[:200])
    raise Undecodable(Reason.UNKNOWN_TYPE, type[:200])


def _attributes(headers: Headers, value: bytes | None) -> tuple[Mapping[str, str], bytes]:
    """Attribute name → value, and the body of the event."""
    texts = {name.lower(): raw for name, raw in headers if raw is not None}
    if texts.get("content-type", b"").lower().startswith(STRUCTURED.encode()):
        attributes, body = _structured(value)
        for name in MARKS:  # who replays a record leaves its value as it is
            attributes.pop(name, None)
            if (raw := texts.get(f"ce_{name}")) is not None:
                attributes[name] = _text(name, raw)
    elif value:
        attributes = {name[3:]: _text(name, raw) for name, raw in texts.items() if name.startswith("ce_")}
        body = value
    else:
        raise Undecodable(Reason.NO_BODY, "an event has a body")
    if "traceparent" in texts:
        attributes.setdefault("traceparent", _text("traceparent", texts["traceparent"]))
    return attributes, body


def _structured(value: bytes | None) -> tuple[dict[str, str], bytes]:
    if not value:
        raise Undecodable(Reason.NO_BODY, "an event has a body")
    try:
        # pydantic's reader refuses bottomless nesting with a ValueError; json.loads ends in a RecursionError.
        whole: Any = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise Undecodable(Reason.NOT_JSON, "the structured event") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("data"), dict):
        raise Undecodable(Reason.INVALID_BODY, "a structured event is an object with `data`")
    attributes = {
        name: str(given)
        for name, given in whole.items()
        if isinstance(given, str | int) and not isinstance(given, bool)
    }
    return attributes, to_json(whole["data"])


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Undecodable(Reason.BAD_HEADER, f"{name[:50]}: not UTF-8") from error


def _need(attributes: Mapping[str, str], name: str) -> str:
    found = attributes.get(name)
    if not found:
        raise Undecodable(Reason.MISSING_HEADER, f"ce_{name}")
    return found


def _read(attributes: Mapping[str, str], name: str, reader: Callable[[str], T]) -> T:
    text = _need(attributes, name)
    try:
        return reader(text)
    except (ValueError, OverflowError) as error:
        raise Undecodable(Reason.BAD_HEADER, f"ce_{name}") from error


def _require_plain(name: str, text: str) -> None:
    """What ends in our own events, keys and logs."""
    if len(text) > NAME_LIMIT or hidden_at(text) is not None:
        raise Undecodable(Reason.BAD_HEADER, f"ce_{name}: hidden characters, or too long")


def _subject_of(key: bytes | None) -> str:
    if not key:
        raise Undecodable(Reason.MISSING_HEADER, "ce_subject")
    subject = _text("key", key)
    _require_plain("subject", subject)
    return subject


def _sequence(text: str) -> int:
    if _SEQUENCE.fullmatch(text) is None:
        raise ValueError("not a version: 1, 2, 3, …")
    return int(text)


def _instant(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no zone")
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def _utc(time: datetime) -> str:
    text = time.isoformat()
    if text.endswith("+00:00"):
        return f"{text[:-6]}Z"
    if time.tzinfo is None:
        raise ValueError("an event's time has a zone")
    return _utc(time.astimezone(UTC))
