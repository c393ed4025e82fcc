"""The committed schemas, the AsyncAPI document and the catalogue are what the classes say."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gerai.contracts.generate import run
from gerai.contracts.language import events, topics
from gerai.contracts.places import Places, repository
from gerai.contracts.schemas import schema_of


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A root of the test's own, with the samples and everything generated."""
    copy = Places(tmp_path)
    shutil.copytree(Places(repository()).samples, copy.samples)
    assert run(copy, check=False) == []
    return copy


def document(places: Places) -> Any:
    return json.loads((places.documents / "asyncapi.json").read_text(encoding="utf-8"))


def test_the_committed_files_are_current() -> None:
    assert run(Places(repository()), check=True) == []


def test_what_was_just_written_is_current(places: Places) -> None:
    assert run(places, check=True) == []


@pytest.mark.parametrize("file", ["schemas/queue.ticket-called.v1.json", "asyncapi.json", "README.md"])
def test_a_changed_file_is_named_and_left_alone(places: Places, file: str) -> None:
    (path,) = places.root.rglob(file)
    changed = path.read_text(encoding="utf-8").replace("calls", "shouts")
    path.write_text(changed, encoding="utf-8")
    sentences = run(places, check=True)
    assert sentences[0] == f"{path.relative_to(places.root).as_posix()} is not current."
    assert "Run `python -m gerai.contracts.generate`" in sentences[-1]
    assert path.read_text(encoding="utf-8") == changed


def test_a_missing_file_is_named(places: Places) -> None:
    (places.schemas / "queue.ticket-called.v1.json").unlink()
    assert "libs/contracts/schemas/queue.ticket-called.v1.json is missing." in run(places, check=True)


@pytest.mark.parametrize("check", [True, False])
def test_a_broken_promise_is_named_and_nothing_is_written(places: Places, check: bool) -> None:
    path = places.schemas / "queue.ticket-called.v1.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["properties"]["voice"] = {"type": "string"}
    path.write_text(json.dumps(schema), encoding="utf-8")
    page = places.documents / "README.md"
    page.unlink()
    (sentence,) = run(places, check=check)
    assert sentence.startswith("queue.ticket-called.v1: field voice was removed.")
    assert "voice" in path.read_text(encoding="utf-8")
    assert not page.exists()


@pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
def test_a_schema_is_a_schema_and_open_to_later_fields(event: Any) -> None:
    schema = schema_of(event)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "additionalProperties" not in json.dumps(schema)
    assert all(field["description"] for field in schema["properties"].values())


def test_the_document_describes_every_topic_and_event_and_points_nowhere_else(places: Places) -> None:
    whole = document(places)
    assert whole["asyncapi"] == "3.0.0"
    assert set(whole["channels"]) == {topic.name for topic in topics()}
    assert set(whole["components"]["messages"]) == {event.type for event in events()}
    assert all(message["examples"] for message in whole["components"]["messages"].values())
    references = list(_references(whole))
    assert references
    for reference in references:
        assert _target(whole, reference) is not None, reference


def test_the_examples_of_the_document_fit_its_own_schemas(places: Places) -> None:
    whole = document(places)
    for message in whole["components"]["messages"].values():
        for example in message["examples"]:
            payload = {**message["payload"]["schema"], "components": whole["components"]}
            headers = whole["components"]["schemas"]["Headers"]
            assert not list(jsonschema.Draft7Validator(payload).iter_errors(example["payload"]))
            assert not list(jsonschema.Draft7Validator(headers).iter_errors(example["headers"]))


def test_the_catalogue_tells_every_topic_event_and_field(places: Places) -> None:
    page = (places.documents / "README.md").read_text(encoding="utf-8")
    for topic in topics():
        assert f"\n## {topic.name}\n" in page
        assert f"| {topic.key} | {topic.partitions} |" in page
    for event in events():
        section = page.partition(f"\n### {event.__name__}\n")[2].partition("\n### ")[0]
        assert f"`{event.type}`" in section
        for field in event.model_fields:
            assert f"| `{field}` |" in section
    assert "| undefined |" not in page
    assert "anything" not in page


def test_the_links_of_the_catalogue_lead_somewhere() -> None:
    places = Places(repository())
    page = (places.documents / "README.md").read_text(encoding="utf-8")
    for link in {part.partition(")")[0] for part in page.split("](")[1:]}:
        assert link.startswith("#") or (places.documents / link).exists(), link


def _references(whole: Any) -> Any:
    if isinstance(whole, dict):
        for name, value in whole.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(whole, list):
        for one in whole:
            yield from _references(one)


def _target(whole: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for step in reference[2:].split("/"):
        whole = whole.get(step) if isinstance(whole, dict) else None
    return whole
