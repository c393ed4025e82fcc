"""A definition while it is read: its parts, and what is wrong with them."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from gerai.licensing.domain.permit_type_words import WORDS


class Reason(BaseModel):
    """One thing that is wrong, and where."""

    model_config = ConfigDict(frozen=True)

    path: str
    """As in the definition: "stages/1/after"."""
    code: str
    detail: str = ""

    def text(self, language: str) -> str:
        return WORDS[self.code].in_language(language).format(detail=self.detail)


class Parts:
    """The parts of a definition that could be read; a check that needs another one finds nothing wrong."""

    def __init__(self, parts: dict[str, Any]) -> None:
        self._parts = parts

    def has(self, *names: str) -> bool:
        return all(name in self._parts for name in names)

    def __getattr__(self, name: str) -> Any:
        return self._parts[name]
