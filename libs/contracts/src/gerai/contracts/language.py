"""The whole published language: every event and topic of every module of this package."""

import ast
import importlib
import inspect
import pkgutil
import sys
from functools import cache
from itertools import pairwise
from types import ModuleType

from pydantic import BaseModel

import gerai.contracts
from gerai.contracts.event import Event, Topic


class Unexplained(Exception):
    """A field that nobody can understand: it has no docstring."""


def events() -> tuple[type[Event], ...]:
    """Every published event, by type. What tests declare elsewhere is not part of the language."""
    _modules()
    return tuple(one for one in Event.every() if one.__module__.startswith(f"{gerai.contracts.__name__}."))


def topics() -> tuple[Topic, ...]:
    """Every topic that carries an event, by name."""
    return tuple(
        sorted({one.topic.name: one.topic for one in events()}.values(), key=lambda topic: topic.name)
    )


def readers(topic: Topic) -> tuple[str, ...]:
    """The services that subscribe to a topic, by name: each states in its own module what it reads, as `READS`. Other
    institutions are granted at deployment."""
    return tuple(
        sorted(
            module.__name__.rpartition(".")[2]
            for module in _modules()
            if topic in getattr(module, "READS", ())
        )
    )


def events_of(topic: Topic) -> tuple[type[Event], ...]:
    """In the order in which they are declared, which tells the story better than the alphabet."""
    mine = (one for one in events() if one.topic.name == topic.name)
    return tuple(sorted(mine, key=lambda one: _declared_in(one.__module__)[one.__name__].lineno))


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """What each field means: the docstring under it. Read from the source, so that services pay nothing for it.

    Raises Unexplained for a field without one.
    """
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if issubclass(part, BaseModel) and part is not BaseModel:
            found |= _docstrings(_declared_in(part.__module__)[part.__name__])
    for name in model.model_fields:
        if name not in found:
            raise Unexplained(f"{model.__name__}.{name}: say under the field what it means, as a docstring")
    return {name: found[name] for name in model.model_fields}


@cache
def _modules() -> tuple[ModuleType, ...]:
    found = pkgutil.iter_modules(gerai.contracts.__path__, f"{gerai.contracts.__name__}.")
    return tuple(importlib.import_module(module.name) for module in found)


@cache
def _declared_in(module: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _docstrings(declared: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(declared.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
