"""What comes through the display feed, for the OpenAPI document: each kind of frame, with the schema of its data."""

from typing import Any

from gerai.chassis.event_stream import SNAPSHOT, frame_schema, frames_answer
from gerai.queue.domain.display import DisplayKind, Shown

BOARD = {"$ref": "#/components/schemas/Board"}
"""As the board itself is answered."""


def _change(kind: DisplayKind) -> dict[str, Any]:
    """A change of one kind; what it has no value for is left out."""
    schema = Shown.model_json_schema()
    schema.pop("$defs")  # of the kind, which is known here
    return {**schema, "properties": {**schema["properties"], "kind": {"const": kind.value}}}


FRAMES = frames_answer(
    [frame_schema(SNAPSHOT, BOARD), *(frame_schema(kind.value, _change(kind)) for kind in DisplayKind)]
)
"""The answer 200 of the feed."""
