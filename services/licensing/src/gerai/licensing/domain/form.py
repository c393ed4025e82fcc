"""Forms: a small part of JSON Schema 2020-12, and the answers checked against it.

The part is small on purpose: no references (nothing is fetched, nothing recurses), no combinations (each error belongs to
one field), patterns without look-around or back-references (they are matched in linear time), bounded depth and size.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs

from gerai.contracts.text import hidden_at
from gerai.licensing.domain.localized import Localized
from gerai.licensing.domain.marks import MOST, Mark

KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems", "uniqueItems"},
    "string": {"minLength", "maxLength", "pattern", "format", "enum"},
    "integer": {"minimum", "maximum", "enum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
}
EVERYWHERE = {"type", "x-label", "x-hint", "x-personal"}
FORMATS = {"date", "email", "uuid", "time"}
DEEPEST, MOST_FIELDS, LONGEST_TEXT = 4, 200, 4_000
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=200_000, dfa_size_limit=2_000_000)


def faults(schema: Any) -> list[tuple[str, str]]:
    """(path, code) of everything that a form may not be; none: answers can be checked against it."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return [("form", "form_not_an_object")]
    found = list(_faults_in(schema, "form", depth=0))
    if not found:
        try:
            _validator(json.dumps(schema, sort_keys=True))
        except jsonschema_rs.ValidationError as error:
            found.append(("/".join(["form", *map(str, error.instance_path)]), "form_schema_invalid"))
    if len(list(_labels(schema, "form"))) > MOST_FIELDS:
        found.append(("form", "form_too_large"))
    return found


def _faults_in(schema: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, str]]:
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in KEYWORDS:
        yield path, "form_type_unknown"
        return
    if depth > DEEPEST:
        yield path, "form_too_deep"
        return
    for keyword in schema.keys() - KEYWORDS[kind] - EVERYWHERE:
        yield f"{path}/{keyword}", "form_keyword_not_allowed"
    if schema.get("format", "date") not in FORMATS:
        yield f"{path}/format", "form_format_unknown"
    if kind == "object":
        yield from _faults_of_object(schema, path, depth)
    if kind == "array":
        items = schema.get("items")
        if not isinstance(items, dict):
            yield path, "form_list_without_items"
        else:
            yield from _faults_in(items, f"{path}/items", depth + 1)
        if "maxItems" not in schema:
            yield path, "form_list_without_end"
    if kind == "string" and not {"enum", "maxLength", "format"} & schema.keys():
        yield path, "form_text_without_end"


def _faults_of_object(schema: dict[str, Any], path: str, depth: int) -> Iterator[tuple[str, str]]:
    fields = schema.get("properties")
    if not isinstance(fields, dict) or not fields:
        yield path, "form_without_fields"
        return
    if schema.get("additionalProperties") is not False:
        yield path, "form_open"
    required = schema.get("required", [])
    if not isinstance(required, list) or not set(map(str, required)) <= fields.keys():
        yield f"{path}/required", "form_requires_unknown_field"
    for name, field in fields.items():
        if not isinstance(field, dict):
            yield f"{path}/{name}", "form_type_unknown"
            continue
        yield from _faults_in(field, f"{path}/{name}", depth + 1)


def untranslated(schema: Any) -> list[str]:
    """The paths of fields whose label is not there in both languages."""
    return [path for path, label in _labels(schema, "form") if _missing(label)]


def fields_of(schema: Any) -> dict[str, dict[str, Any]]:
    """The fields at the top of the form: what other parts of a definition may ask for."""
    fields = schema.get("properties") if isinstance(schema, dict) else None
    return {name: field for name, field in (fields or {}).items() if isinstance(field, dict)}


def _labels(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, field in fields_of(schema).items():
        yield f"{path}/{name}", field.get("x-label")
        inner = field.get("items") if field.get("type") == "array" else field
        yield from _labels(inner, f"{path}/{name}")


def _missing(label: Any) -> bool:
    if not isinstance(label, dict) or not all(isinstance(label.get(one), str) for one in ("id", "en")):
        return True
    return bool(Localized(id=label["id"], en=label["en"]).missing)


def mark_answers(schema: dict[str, Any], answers: dict[str, Any]) -> tuple[Mark, ...]:
    """What is wrong with the answers, at most 100 marks, in the order of the form."""
    marks: list[Mark] = []
    for error in _validator(json.dumps(schema, sort_keys=True)).iter_errors(answers):
        marks.extend(_marks_of(error))
        if len(marks) >= MOST:
            break
    marks.extend(_hidden(answers, []))
    return tuple(marks[:MOST])


def _marks_of(error: jsonschema_rs.ValidationError) -> Iterator[Mark]:
    path, keyword, details = list(error.instance_path), error.kind.name, error.kind.as_dict()
    match keyword:
        case "required":
            yield Mark.on_field([*path, details["property"]], "required")
        case "additionalProperties":
            for name in details["unexpected"]:
                yield Mark.on_field([*path, name[:60]], "unknown_field")
        case "minLength" | "maxLength" | "minimum" | "maximum" | "minItems" | "maxItems" | "format":
            yield Mark.on_field(path, keyword, details.get("limit", details.get("format", "")))
        case "type" | "pattern" | "enum":
            yield Mark.on_field(path, keyword)
        case _:
            yield Mark.on_field(path, "other")


def _hidden(answer: Any, path: list[Any]) -> Iterator[Mark]:
    match answer:
        case str() if hidden_at(answer, allowed="\n") is not None:
            yield Mark.on_field(path, "hidden_character")
        case dict():
            for name, value in answer.items():
                yield from _hidden(value, [*path, name])
        case list():
            for index, value in enumerate(answer):
                yield from _hidden(value, [*path, index])


@lru_cache(maxsize=256)
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(schema), validate_formats=True, pattern_options=_PATTERNS
    )
