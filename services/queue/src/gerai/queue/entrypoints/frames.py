"""What comes through the display feed, for the OpenAPI document: each kind of frame, with the schema of its data."""

from typing import Any

from gerai.queue.domain.display import DisplayKind, Shown

SNAPSHOT = "snapshot"
BOARD = {"$ref": "#/components/schemas/Board"}
"""As the board itself is answered."""


def _change(kind: DisplayKind) -> dict[str, Any]:
    """A change of one kind; what it has no value for is left out."""
    schema = Shown.model_json_schema()
    schema.pop("$defs")  # of the kind, which is known here
    return {**schema, "properties": {**schema["properties"], "kind": {"const": kind.value}}}


def _frame(event: str, data: dict[str, Any]) -> dict[str, Any]:
    """A frame as a client's event source takes it apart: its fields by name, `data` as the text of a JSON document."""
    return {
        "title": event,
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "id": {
                "type": "string",
                "description": "For Last-Event-ID. A frame may come twice; its id tells.",
            },
            "event": {"const": event},
            "data": {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": data,
            },
        },
    }


FRAMES: dict[str, Any] = {
    "description": "Frames without end. The stream closes when the token expires; lines that begin with `:` only say "
    "that the connection stands.",
    "content": {
        "text/event-stream": {
            "schema": {
                "type": "array",
                "description": "One frame after the other; not a JSON array, but what it would hold.",
                "items": {
                    "oneOf": [
                        _frame(SNAPSHOT, BOARD),
                        *(_frame(kind.value, _change(kind)) for kind in DisplayKind),
                    ]
                },
            }
        }
    },
}
"""The answer 200 of the feed."""
