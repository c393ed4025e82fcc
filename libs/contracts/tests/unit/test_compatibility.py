"""Each way to break a promise to readers is named; what breaks none passes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gerai.contracts.compatibility import breaks, main
from gerai.contracts.language import events
from gerai.contracts.places import Places, repository
from gerai.contracts.registry import CalendarChanged
from gerai.contracts.schemas import Schema, committed, schema_of

CALENDAR = "registry.calendar-changed.v1"
NULL = {"type": "null"}
Change = Callable[[Schema], object]


def schema() -> Schema:
    return json.loads(json.dumps(schema_of(CalendarChanged)))


def found(before: Change, now: Change) -> list[str]:
    earlier, current = schema(), schema()
    before(earlier)
    now(current)
    return breaks({CALENDAR: earlier}, {CALENDAR: current})


def fields(whole: Schema, part: str | None = None) -> dict[str, Any]:
    owner = whole if part is None else whole["$defs"][part]
    properties: dict[str, Any] = owner["properties"]
    return properties


def unchanged(whole: Schema) -> None:
    """The committed schema as it is."""


def set_field(name: str, value: Schema, *, part: str | None = None) -> Change:
    return lambda whole: fields(whole, part).update({name: value})


def remove(name: str, part: str | None = None) -> Change:
    def change(whole: Schema) -> None:
        fields(whole, part).pop(name)
        (whole if part is None else whole["$defs"][part])["required"].remove(name)

    return change


def add_required(whole: Schema) -> None:
    fields(whole)["season"] = {"type": "string"}
    whole["required"].append("season")


PLANTED: dict[str, tuple[Change, Change, str]] = {
    "a field is removed": (unchanged, remove("cutoff_minutes"), "field cutoff_minutes was removed"),
    "a field of a part is removed": (
        unchanged,
        remove("reason", "Override"),
        "field overrides[].reason was removed",
    ),
    "a field is renamed": (
        unchanged,
        lambda whole: (remove("cutoff_minutes")(whole), set_field("cutoff", {"type": "integer"})(whole)),
        "field cutoff_minutes was removed",
    ),
    "a type is changed": (
        unchanged,
        set_field("cutoff_minutes", {"type": "string"}),
        'field cutoff_minutes changed from {"type": "integer"} to {"type": "string"}',
    ),
    "a format is changed": (
        unchanged,
        set_field("date", {"type": "string", "format": "date-time"}, part="Holiday"),
        "field holidays[].date changed from",
    ),
    "a list of other things": (
        unchanged,
        set_field("force_open", {"type": "array", "items": {"type": "integer"}}),
        "field force_open[] changed from",
    ),
    "a part becomes a text": (
        unchanged,
        set_field("week", {"type": "array", "items": {"type": "string"}}),
        "field week[] changed from",
    ),
    "a limit is set": (
        unchanged,
        set_field("cutoff_minutes", {"type": "integer", "maximum": 60}),
        "field cutoff_minutes changed from",
    ),
    "a field may be null": (
        unchanged,
        set_field("cutoff_minutes", {"anyOf": [{"type": "integer"}, NULL]}),
        "field cutoff_minutes may now be null",
    ),
    "a field may not be null any more": (
        set_field("cutoff_minutes", {"anyOf": [{"type": "integer"}, NULL]}),
        unchanged,
        "field cutoff_minutes may no longer be null",
    ),
    "a new field is required": (unchanged, add_required, "field season is new and required"),
    "a field is newly required": (
        lambda whole: whole["required"].remove("cutoff_minutes"),
        unchanged,
        "field cutoff_minutes is newly required",
    ),
    "a field is no longer required": (
        unchanged,
        lambda whole: whole["required"].remove("cutoff_minutes"),
        "field cutoff_minutes is no longer required",
    ),
    "a value is gone": (
        lambda whole: whole["$defs"]["HolidayKind"]["enum"].append("regional"),
        unchanged,
        "field holidays[].kind no longer knows the value 'regional'",
    ),
    "a value is new": (
        unchanged,
        lambda whole: whole["$defs"]["HolidayKind"]["enum"].append("regional"),
        "field holidays[].kind has the new value 'regional'",
    ),
    "the topic is another": (
        unchanged,
        lambda whole: whole.update({"x-topic": "registry.hours"}),
        "moved from topic registry.calendars to registry.hours",
    ),
}


@pytest.mark.parametrize(("before", "now", "sentence"), PLANTED.values(), ids=PLANTED)
def test_a_break_is_named(before: Change, now: Change, sentence: str) -> None:
    (told,) = found(before, now)
    assert told.startswith(f"{CALENDAR}: {sentence}")


def test_an_event_that_is_gone_is_named() -> None:
    (told,) = breaks({CALENDAR: schema()}, {})
    assert told.startswith(f"{CALENDAR}: the event is gone")


HARMLESS: dict[str, Change] = {
    "nothing": unchanged,
    "a new optional field": set_field("season", {"anyOf": [{"type": "string"}, NULL], "default": None}),
    "a new optional field of a part": set_field("note", {"type": "string", "default": ""}, part="Break"),
    "a better explanation": lambda whole: fields(whole)["week"].update({"description": "Other words."}),
    "a part with another name": lambda whole: whole.update(
        json.loads(json.dumps(whole).replace("Interval", "Opening"))
    ),
}


@pytest.mark.parametrize("now", HARMLESS.values(), ids=HARMLESS)
def test_what_breaks_nothing_passes(now: Change) -> None:
    assert found(unchanged, now) == []


def test_a_new_event_passes() -> None:
    assert breaks({}, {CALENDAR: schema()}) == []


def test_the_language_keeps_its_committed_promises() -> None:
    before = committed(Places(repository()).schemas)
    assert before
    assert breaks(before, {event.type: schema_of(event) for event in events()}) == []


def test_the_command_fails_with_the_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for event in events():
        (tmp_path / f"{event.type}.json").write_text(json.dumps(schema_of(event)), encoding="utf-8")
    assert main(["--schemas", str(tmp_path)]) == 0
    earlier = schema()
    set_field("season", {"type": "string"})(earlier)
    (tmp_path / f"{CALENDAR}.json").write_text(json.dumps(earlier), encoding="utf-8")
    assert main(["--schemas", str(tmp_path)]) == 1
    assert f"{CALENDAR}: field season was removed" in capsys.readouterr().err
    assert main(["--schemas", str(tmp_path / "missing")]) == 2
