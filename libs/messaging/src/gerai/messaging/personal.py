"""What a domain sees of a field that is kept encrypted for one person.

    class Application(Aggregate):
        party_id: str
        nik: Annotated[Personal[Nik], EncryptedFor("party_id", searchable=True)]

The domain reads and assigns plain values. They are encrypted when the aggregate is written, under a key of the subject
alone (`subject_keys`), and opened when it is read. When the subject's key is destroyed, the field holds FORGOTTEN.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class Forgotten:
    """In place of a value that nobody can read any more. There is one, FORGOTTEN."""

    def __repr__(self) -> str:
        return "FORGOTTEN"

    def __str__(self) -> str:
        return "(dihapus)"

    def __copy__(self) -> "Forgotten":
        return self

    def __deepcopy__(self, _: object) -> "Forgotten":
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> CoreSchema:
        return core_schema.is_instance_schema(cls, serialization=core_schema.to_string_ser_schema())


FORGOTTEN: Final = Forgotten()

Personal: TypeAlias = T | Forgotten
"""The type of an encrypted field: whoever uses the value is asked by the type checker what to do when it is gone."""


def normalised(text: str) -> str:
    """What counts where two texts are compared: neither case nor spaces around it, however a character is composed."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


@dataclass(frozen=True)
class EncryptedFor:
    """Says of a field whose it is: `subject` names the field with the person's opaque id."""

    subject: str
    searchable: bool = False
    """A keyed hash beside it (`<field>_hash`), so that a selection can ask for an equal value, and an index can be
    unique. For texts alone. It tells who has read access to the store which documents have equal values."""
    normal: Callable[[str], str] = normalised
    """What of a text counts when it is searched."""

    def alike(self, wanted: Any) -> Any:
        """A value, or a condition of a selection, with what counts of each text."""
        match wanted:
            case str():
                return self.normal(wanted)
            case {"$in": values}:
                return {"$in": [self.normal(value) for value in values]}
            case _:
                return wanted
