"""The AsyncAPI 3 document: what a partner's tools need to subscribe. It needs no other file."""

from collections.abc import Iterable
from typing import Any

from gerai.contracts.event import Cleanup, Event, Topic
from gerai.contracts.language import events, events_of, readers, topics
from gerai.contracts.samples import Sample
from gerai.contracts.schemas import Schema, schema_of

DAY_MS = 86_400_000
DRAFT = "application/schema+json;version=draft-07"
"""Our schemas use nothing newer, and every AsyncAPI tool reads this one."""

_TEXT: Schema = {"type": "string"}
HEADERS: Schema = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binary mode. All values are UTF-8 text.",
    "required": [
        "content-type",
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "ce_partitionkey",
        "ce_sequence",
        "ce_correlationid",
    ],
    "properties": {
        "content-type": {"const": "application/json"},
        "ce_specversion": {"const": "1.0"},
        "ce_id": {**_TEXT, "format": "uuid", "description": "UUIDv7. A record delivered twice has the same."},
        "ce_type": {**_TEXT, "description": "The event and its version."},
        "ce_source": {**_TEXT, "description": "The service that says it."},
        "ce_subject": {**_TEXT, "description": "What it happened to; the record key."},
        "ce_time": {**_TEXT, "format": "date-time", "description": "When it happened: business time, UTC."},
        "ce_partitionkey": {**_TEXT, "description": "The record key."},
        "ce_sequence": {
            **_TEXT,
            "pattern": "^[1-9][0-9]*$",
            "description": "1, 2, 3, … of the subject: its version after this event.",
        },
        "ce_correlationid": {**_TEXT, "description": "Ties together what came from one request."},
        "ce_causationid": {**_TEXT, "description": "The event that this one reacts to."},
        "ce_replayedfor": {
            **_TEXT,
            "description": "A replay, meant for this one consumer group; all others skip it.",
        },
        "ce_replayedfrom": {**_TEXT, "description": "A replay: the topic that the record stood on."},
        "ce_overrides": {
            **_TEXT,
            "description": "A replay by which an operator corrects a replica: it holds whatever version is known.",
        },
        "traceparent": {**_TEXT, "description": "W3C Trace Context."},
    },
}


def document(samples: Iterable[Sample]) -> Schema:
    """The whole published language, with a sample of every message."""
    examples: dict[str, Sample] = {sample.type: sample for sample in samples}
    schemas: dict[str, Schema] = {"Headers": HEADERS}
    messages: dict[str, Schema] = {}
    for event in events():
        schema = schema_of(event)
        schemas |= {name: _relinked(part) for name, part in schema.pop("$defs", {}).items()}
        messages[event.type] = _message(event, _relinked(schema), examples.get(event.type))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gerai: events",
            "version": "1",
            "description": "What the services of Gerai say on Kafka. No event carries personal data.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics()},
        "operations": {f"receive.{topic.name}": _operation(topic) for topic in topics()},
        "components": {"schemas": dict(sorted(schemas.items())), "messages": messages},
    }


def _channel(topic: Topic) -> Schema:
    settings: Schema = {"cleanup.policy": [topic.cleanup.value]}
    if topic.cleanup is Cleanup.DELETE and topic.retention_days is not None:
        settings["retention.ms"] = topic.retention_days * DAY_MS
    if topic.max_bytes is not None:
        settings["max.message.bytes"] = topic.max_bytes
    return {
        "address": topic.name,
        "description": f"Keyed by {topic.key}.",
        "messages": {
            event.type: {"$ref": f"#/components/messages/{event.type}"} for event in events_of(topic)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": settings,
                "bindingVersion": "0.5.0",
            }
        },
        "x-owner": topic.owner,
        "x-readers": list(readers(topic)),
    }


def _operation(topic: Topic) -> Schema:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Read {topic.name}.",
    }


def _message(event: type[Event], schema: Schema, sample: Sample | None) -> Schema:
    description = schema.pop("description")
    payload = {name: value for name, value in schema.items() if name not in {"$schema", "$id", "x-topic"}}
    message: Schema = {
        "name": event.type,
        "title": event.__name__,
        "summary": description.partition("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"schemaFormat": DRAFT, "schema": payload},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": event.topic.key},
                "bindingVersion": "0.5.0",
            }
        },
    }
    if sample is not None:
        message["examples"] = [{"name": sample.name, "headers": sample.headers, "payload": sample.body}]
    return message


def _relinked(schema: Any) -> Any:
    """References to parts of the event's own schema, as references into this document."""
    if isinstance(schema, dict):
        return {
            name: value.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _relinked(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_relinked(one) for one in schema]
    return schema
