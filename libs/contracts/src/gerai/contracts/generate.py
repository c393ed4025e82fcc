"""Writes what others read: JSON Schemas, the AsyncAPI document, the event catalogue.

`python -m gerai.contracts.generate` writes; `--check` writes nothing and fails if a committed file is not
current. Neither lets a schema pass that breaks a promise to readers; see `gerai.contracts.compatibility`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gerai.contracts import asyncapi, catalogue
from gerai.contracts.compatibility import breaks
from gerai.contracts.language import events
from gerai.contracts.places import Places, repository
from gerai.contracts.samples import samples
from gerai.contracts.schemas import Schema, committed, schema_of


def generated(places: Places) -> dict[Path, str]:
    """Every generated file with its text."""
    files = {places.schemas / f"{event.type}.json": _json(schema_of(event)) for event in events()}
    files[places.documents / "asyncapi.json"] = _json(asyncapi.document(samples(places.samples)))
    files[places.documents / "README.md"] = catalogue.page()
    return files


def stale(files: Mapping[Path, str], places: Places) -> Iterator[str]:
    """Each committed file that is not what would be written now, as a sentence."""
    for path, text in files.items():
        name = path.relative_to(places.root).as_posix()
        if not path.is_file():
            yield f"{name} is missing."
        elif path.read_text(encoding="utf-8") != text:
            yield f"{name} is not current."


def run(places: Places, *, check: bool) -> list[str]:
    """Write all, or only look. Returns what is wrong; nothing is written where a promise would break."""
    broken = breaks(committed(places.schemas), {event.type: schema_of(event) for event in events()})
    if broken:
        return broken
    files = generated(places)
    if check:
        found = list(stale(files, places))
        return (
            [*found, "Run `python -m gerai.contracts.generate` and commit what it writes."] if found else []
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return []


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gerai.contracts.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail if something is not current"
    )
    wrong = run(Places(repository()), check=parser.parse_args(arguments).check)
    sys.stderr.writelines(f"{sentence}\n" for sentence in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
