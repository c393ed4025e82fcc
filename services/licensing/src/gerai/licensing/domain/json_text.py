"""What is free in form, as one text: a document's fields have types, and a form's answers are whatever its schema says."""

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic_core import CoreSchema, core_schema


class JsonText(str):
    """A JSON object. The same object is the same text, so two can be compared."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Raises ValueError for what is no JSON."""
        return cls(json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.is_instance_schema(cls)

    def read(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self)
        return read


EMPTY = JsonText("{}")
