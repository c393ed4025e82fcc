"""Can whoever read the events until now still read them, and can we still read what was written?

`python -m gerai.contracts.compatibility [--schemas FOLDER]` compares the models with the committed schemas
(or with another folder of them, such as those of the last release) and names every break in a sentence.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gerai.contracts.language import events
from gerai.contracts.places import Places, repository
from gerai.contracts.schemas import Schema, committed, schema_of

NOTHING = {"type": "null"}
WORDS = {"title", "description", "default", "examples"}
"""What explains a schema and refuses nothing."""


def breaks(before: Mapping[str, Schema], now: Mapping[str, Schema]) -> list[str]:
    """Each break of a promise, as a sentence."""
    found: list[str] = []
    for type, earlier in before.items():
        current = now.get(type)
        if current is None:
            found.append(f"{type}: the event is gone. A published event is declared for ever.")
            continue
        if earlier.get("x-topic") != current.get("x-topic"):
            found.append(
                f"{type}: moved from topic {earlier.get('x-topic')} to {current.get('x-topic')}. "
                "Readers look for it where it was."
            )
        found.extend(f"{type}: {sentence}" for sentence in _Comparison(earlier, current).of_roots())
    return found


class _Comparison:
    """One earlier schema beside the present one; each resolves its own references."""

    def __init__(self, before: Schema, now: Schema) -> None:
        self._before = before
        self._now = now

    def of_roots(self) -> Iterator[str]:
        yield from self._objects("", self._before, self._now)

    def _objects(self, place: str, before: Schema, now: Schema) -> Iterator[str]:
        earlier, current = before.get("properties", {}), now.get("properties", {})
        was_required, is_required = set(before.get("required", ())), set(now.get("required", ()))
        for name, schema in earlier.items():
            path = f"{place}{name}"
            if name not in current:
                yield f"field {path} was removed. Readers still look for it: publish a new version beside it."
                continue
            if name in is_required - was_required:
                yield f"field {path} is newly required. Records without it are still on the topic."
            if name in was_required - is_required:
                yield f"field {path} is no longer required. Readers rely on it: keep it always there."
            yield from self._fields(path, schema, current[name])
        for name in current:
            if name not in earlier and name in is_required:
                yield (
                    f"field {place}{name} is new and required. Older records don't have it: give it a default."
                )

    def _fields(self, path: str, before: Schema, now: Schema) -> Iterator[str]:
        earlier, earlier_nothing = _without_nothing(_resolved(before, self._before))
        current, current_nothing = _without_nothing(_resolved(now, self._now))
        earlier, current = _resolved(earlier, self._before), _resolved(current, self._now)
        if current_nothing and not earlier_nothing:
            yield f"field {path} may now be null. Readers don't expect that."
        if earlier_nothing and not current_nothing:
            yield f"field {path} may no longer be null. Older records have null there."
        if "properties" in earlier and "properties" in current:
            yield from self._objects(f"{path}.", earlier, current)
        elif earlier.get("type") == current.get("type") == "array":
            yield from self._fields(f"{path}[]", earlier.get("items", {}), current.get("items", {}))
        elif "enum" in earlier and "enum" in current:
            yield from _values(path, earlier["enum"], current["enum"])
        elif _bare(earlier) != _bare(current):
            yield f"field {path} changed from {_words(earlier)} to {_words(current)}. Give it a new name instead."


def _values(path: str, before: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    for value in before:
        if value not in now:
            yield f"field {path} no longer knows the value {value!r}. Older records have it."
    for value in now:
        if value not in before:
            yield f"field {path} has the new value {value!r}. Readers of before refuse it."


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    definition: Schema = root["$defs"][reference.removeprefix("#/$defs/")]
    return definition


def _without_nothing(schema: Schema) -> tuple[Schema, bool]:
    choices: list[Schema] = schema.get("anyOf", [])
    left = [choice for choice in choices if choice != NOTHING]
    if len(left) == len(choices):
        return schema, False
    return (left[0] if len(left) == 1 else {"anyOf": left}), True


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _bare(value) for name, value in schema.items() if name not in WORDS}
    return schema


def _words(schema: Schema) -> str:
    return json.dumps(_bare(schema), sort_keys=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gerai.contracts.compatibility", description=__doc__)
    parser.add_argument("--schemas", type=Path, help="the earlier schemas; default: the committed ones")
    folder = parser.parse_args(arguments).schemas or Places(repository()).schemas
    if not folder.is_dir():
        sys.stderr.write(f"There is no folder of schemas at {folder}.\n")
        return 2
    found = breaks(committed(folder), {event.type: schema_of(event) for event in events()})
    sys.stderr.writelines(f"{sentence}\n" for sentence in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
