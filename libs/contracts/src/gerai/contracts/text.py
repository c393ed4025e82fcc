"""The text that people type, and the ids that they choose: what a screen and a printer can show, and nothing that hides
in it. Refused here is refused by every service. The codes that they raise have sentences in the chassis."""

import unicodedata
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (the right-to-left overrides are here), surrogate, private and unassigned characters,
odd line ends: on a display, a printed ticket or in a log they can make text look like something else."""


def _visible(text: str) -> str:
    for position, character in enumerate(text):
        if character != "\n" and unicodedata.category(character) in UNSAFE_CATEGORIES:
            raise PydanticCustomError(
                "hidden_character",
                "The text has a control or hidden character at position {position}.",
                {"position": position + 1},
            )
    return text


def _one_line(text: str) -> str:
    if "\n" in text:
        raise PydanticCustomError("line_break", "The text must be on one line.")
    return text


Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""An id that people can read, stable for ever: "muna-barat-mpp". Every service takes it in its addresses."""

Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}$")]
"""Any id in an address or a body, whoever made it."""

Name: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=160),
    AfterValidator(_visible),
    AfterValidator(_one_line),
]
Prose: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(_visible)
]
"""May be empty, may have several lines."""
