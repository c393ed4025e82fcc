"""The JSON Schema of each event, as other institutions' readers see it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from gerai.contracts.event import Event
from gerai.contracts.language import meanings

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Plain(GenerateJsonSchema):
    """Without the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_of(event: type[Event]) -> Schema:
    """The schema that a reader may rely on.

    It is open although producers are closed: whoever validates with it must not refuse a field that comes later.
    """
    generated = event.model_json_schema(schema_generator=_Plain)
    definitions = generated.pop("$defs", {})
    _describe(generated, event)
    for part in parts_of(event):
        _describe(definitions[part.__name__], part)
    schema: Schema = {
        "$schema": DIALECT,
        "$id": f"urn:gerai:{event.type}",
        "x-topic": event.topic.name,
        **_opened(generated),
    }
    if definitions:
        schema["$defs"] = {name: _opened(definition) for name, definition in sorted(definitions.items())}
    return schema


def parts_of(model: type[BaseModel]) -> tuple[type[BaseModel], ...]:
    """The models inside a model, each once, in the order of the fields."""
    found: dict[type[BaseModel], None] = {}
    for field in model.model_fields.values():
        for part in _models_in(field):
            found |= {part: None} | dict.fromkeys(parts_of(part))
    return tuple(found)


def committed(folder: Path) -> dict[str, Schema]:
    """The schemas in a folder, by event type."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def _models_in(field: FieldInfo) -> Iterator[type[BaseModel]]:
    pending: list[Any] = [field.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        pending.extend(reversed(getattr(annotation, "__args__", ())))


def _describe(schema: Schema, model: type[BaseModel]) -> None:
    for name, meaning in meanings(model).items():
        schema["properties"][name]["description"] = meaning


def _opened(schema: Mapping[str, Any]) -> Schema:
    return {name: value for name, value in schema.items() if name != "additionalProperties"}
