"""One document of every form that was ever kept stays in the repository, and is read for ever.

`<service or library>/documents/<collection>.v<schema number>.json`, in MongoDB's extended JSON; more than one of a number
may lie there (`tickets.v1-with-its-link.json`). They are never edited: a form that cannot be read any more is what this
test finds. A new aggregate brings its first one, a new schema number one of its own. A service without a `__main__`
cannot have kept anything yet.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from bson.json_util import JSONOptions, loads

from gerai.messaging.aggregate import Aggregate

ROOT = Path(__file__).parents[2]
AWARE = JSONOptions(tz_aware=True)
Kind = type[Aggregate]


def owners() -> list[Path]:
    started = [path.parents[3] for path in ROOT.glob("services/*/src/gerai/*/__main__.py")]
    return sorted([*started, *(path.parent for path in ROOT.glob("libs/*/src"))])


def kinds_of(service: Path) -> set[Kind]:
    """Every class of it that is kept: not those that only others derive from, nor parts of another."""
    for package in (service / "src/gerai").iterdir():
        for module in pkgutil.walk_packages([str(package)], f"gerai.{package.name}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    own = f"gerai.{service.name}."
    return {kind for kind in below(Aggregate) if kind.__module__.startswith(own) and is_kept(kind)}


def below(kind: Kind) -> Iterator[Kind]:
    for direct in kind.__subclasses__():
        yield direct
        yield from below(direct)


def is_kept(kind: Kind) -> bool:
    return hasattr(kind, "collection") and kind.part_of is None


def samples(service: Path, kind: Kind, number: int) -> list[Path]:
    there = service / "documents"
    return [
        *there.glob(f"{kind.collection}.v{number}.json"),
        *sorted(there.glob(f"{kind.collection}.v{number}-*.json")),
    ]


KINDS = [
    pytest.param(service, kind, id=f"{service.name} {kind.__name__}")
    for service in owners()
    for kind in sorted(kinds_of(service), key=lambda one: one.collection)
]
SAMPLES = [
    pytest.param(kind, number, path, id=f"{service.name} {path.stem}")
    for service, kind in (one.values for one in KINDS)
    for number in range(1, kind.schema_number + 1)
    for path in samples(service, kind, number)
]
PRESENT = [one for one in SAMPLES if one.values[1] == one.values[0].schema_number]


def missing(service: Path, kind: Kind) -> list[str]:
    numbers = range(1, kind.schema_number + 1)
    return [f"{kind.collection}.v{n}.json" for n in numbers if not samples(service, kind, n)]


@pytest.mark.parametrize(("service", "kind"), KINDS)
def test_every_form_of_every_aggregate_has_a_document(service: Path, kind: Kind) -> None:
    assert missing(service, kind) == [], (
        f"missing in {service.name}/documents; see the README of libs/messaging"
    )


def test_one_without_a_document_is_found(tmp_path: Path) -> None:
    class Planted(Aggregate):
        collection: ClassVar[str] = "planted"
        schema_number: ClassVar[int] = 2
        upgrades: ClassVar[Any] = {1: dict}

    assert is_kept(Planted)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents/planted.v2-other.json").touch()
    assert missing(tmp_path, Planted) == ["planted.v1.json"]


def test_every_document_is_of_an_aggregate() -> None:
    known = {one.values[2] for one in SAMPLES}
    assert {*ROOT.glob("services/*/documents/*"), *ROOT.glob("libs/*/documents/*")} == known


@pytest.mark.parametrize(("kind", "number", "path"), SAMPLES)
def test_it_is_read_and_what_is_read_is_sound(kind: Kind, number: int, path: Path) -> None:
    """By the rules of today, too: reading asks for none of them, so this is where one finds out."""
    document = golden(path)
    assert document.get("schema", 1) == number
    found = kind.from_document(document)
    assert kind.model_validate(found.model_dump()).model_dump() == found.model_dump()


@pytest.mark.parametrize(("kind", "number", "path"), PRESENT)
def test_the_present_form_is_written_as_it_stands_there(kind: Kind, number: int, path: Path) -> None:
    """Else the form has changed and wants a new schema number. New fields may have come, each with a default."""
    wanted = kept(path, kind)
    written = kind.from_document(golden(path)).document()
    assert {name: part for name, part in written.items() if name in wanted} == wanted


def golden(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = loads(path.read_text(encoding="utf-8"), json_options=AWARE)
    return document


def kept(path: Path, kind: Kind) -> dict[str, Any]:
    """Without what is None; of a second sample without what only an earlier version knew."""
    document = golden(path)
    is_first = path.stem == f"{kind.collection}.v{kind.schema_number}"
    names = document if is_first else {"_id", "schema", *kind.model_fields}
    return {name: part for name, part in document.items() if part is not None and name in names}
