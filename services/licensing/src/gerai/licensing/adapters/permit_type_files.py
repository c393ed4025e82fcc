"""Permit types as YAML files: a small, safe part of YAML, so that no file can hurt who reads it.

Aliases (a few lines that unfold to gigabytes), tags and merge keys are refused; a key stands once; size and depth are
bounded. Days are text, and nothing but `true` and `false` is a truth value: "no" stays a word.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, ClassVar

import yaml

from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind

MOST_BYTES, DEEPEST = 200_000, 20


class UnableToReadDefinition(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "too_large": LocalizedText("Berkas terlalu besar.", "The file is too large."),
        "not_yaml": LocalizedText(
            "Berkas bukan YAML yang sah: {why}.", "The file is not YAML that is read here: {why}."
        ),
        "not_a_mapping": LocalizedText("Berkas tidak memuat definisi.", "The file holds no definition."),
    }


class _Careful(yaml.SafeLoader):  # type: ignore[misc]
    """SafeLoader without aliases, tags, merge keys, repeated keys, and words that turn into something else."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        event = self.peek_event()
        if getattr(event, "anchor", None) is not None:
            raise yaml.YAMLError("anchors are not allowed")
        if getattr(event, "tag", None) is not None:
            raise yaml.YAMLError("tags are not allowed")
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"more than {DEEPEST} levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str):
                raise yaml.YAMLError(f"the key {key!r} is no text")
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key {key!r} stands twice")
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


for _tag, _form, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^-?(?:0|[1-9][0-9]{0,17})$", "-0123456789"),
    ("float", r"^-?[0-9]{1,15}\.[0-9]{1,15}$", "-0123456789"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
):
    _Careful.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_form), list(_first))


def definition_from(text: str) -> dict[str, Any]:
    """What a file says, not checked yet. Raises UnableToReadDefinition."""
    if len(text.encode()) > MOST_BYTES:
        raise UnableToReadDefinition("too_large")
    try:
        read = yaml.load(text, _Careful)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UnableToReadDefinition("not_yaml", why=" ".join(str(error).split())[:200]) from error
    if not isinstance(read, dict):
        raise UnableToReadDefinition("not_a_mapping")
    return read


def definitions_in(folder: Path) -> dict[str, dict[str, Any]]:
    """File name → definition, in the order of the names."""
    return {
        path.name: definition_from(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))
    }
