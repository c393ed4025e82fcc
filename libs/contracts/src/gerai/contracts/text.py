"""The text that people type, and the ids that they choose: what a screen and a printer can show, and nothing that hides
in it. Refused here is refused by every service. The codes that they raise have sentences in the chassis."""

import re
import unicodedata
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control, format (the right-to-left overrides are here), surrogate, private and unassigned characters,
odd line ends: on a display, a printed ticket or in a log they can make text look like something else."""

_PERSONAL = re.compile(r"@|\d(?:[\W_]*\d){8,}")
_OPAQUE = re.compile(
    r"(?<!\w)(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?!\d+(?!\w))(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}))(?!\w)",
    re.IGNORECASE,
)
"""A UUID, a hash or another machine's id in hexadecimal: there many digits may stand in a row and say nothing."""


def hidden_at(text: str, *, allowed: str = "") -> int | None:
    """The position of the first character that nobody sees or that changes how others are shown; 0 is the first."""
    if text.isascii() and text.isprintable():
        return None
    for position, character in enumerate(text):
        if character not in allowed and unicodedata.category(character) in UNSAFE_CATEGORIES:
            return position
    return None


def looks_personal(text: str) -> bool:
    """Whether an e-mail address may be in it, or as many digits as a phone number or a NIK has, however they are
    written. Ids, subjects and keys travel in events and logs, which must not say who somebody is."""
    return _PERSONAL.search(text) is not None and _PERSONAL.search(_OPAQUE.sub("x", text)) is not None


def _visible(text: str) -> str:
    position = hidden_at(text, allowed="\n")
    if position is not None:
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


NOT_PERSONAL = Field(
    json_schema_extra={
        "not": {
            "pattern": "^(?!([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{24}|[0-9a-fA-F]{32}"
            "|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$).*[0-9]([^0-9A-Za-z]*[0-9]){8}"
        }
    }
)
"""In a schema, what `looks_personal` says of an id: no nine digits in a row, whatever stands between, but in a UUID or a
hash. For the body that makes an id, and whose domain refuses it: where an id is looked up it has been made already, perhaps
before there was this rule, and must be found."""

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
