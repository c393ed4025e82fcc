"""Rules and templates as the repository keeps them: YAML files, several of which make one import."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from gerai.notification.use_cases.import_definitions import Definitions

LARGEST = 1024 * 1024


class UnreadableDefinitions(Exception):
    """The file is no YAML, or not of this form; the text says where."""


def read_definitions(files: Iterable[Path]) -> Definitions:
    """Raises UnreadableDefinitions; pydantic's ValidationError where a rule or template has not its form."""
    rules: list[Any] = []
    templates: list[Any] = []
    for file in sorted(files):
        parts = _parts(file)
        rules += parts.get("rules") or []
        templates += parts.get("templates") or []
    return Definitions.model_validate({"rules": rules, "templates": templates})


def _parts(file: Path) -> dict[str, Any]:
    if file.stat().st_size > LARGEST:
        raise UnreadableDefinitions(f"{file.name} is larger than {LARGEST} bytes")
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableDefinitions(f"{file.name}: {error}") from error
    if not isinstance(found, dict) or not found.keys() <= {"rules", "templates"}:
        raise UnreadableDefinitions(f"{file.name} must have nothing but rules and templates")
    return found
