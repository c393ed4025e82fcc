"""Text that people type: what a screen and a printer can show, and nothing that hides in it."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

# Controls, invisible formatting (among it the right-to-left overrides), private use, surrogates.
HIDDEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
JOINERS = {"\u200c", "\u200d"}
"""Some scripts cannot be written without them."""


def plain(text: str) -> str:
    """Trimmed text without hidden characters. Raises PydanticCustomError `hidden_character`."""
    if not text.isprintable():  # one quick look suffices for almost every text
        for character in text:
            if unicodedata.category(character) in HIDDEN and character not in JOINERS:
                raise PydanticCustomError(
                    "hidden_character", "Text must not contain control or hidden characters."
                )
    return text.strip()


def prose(text: str) -> str:
    """As `plain`, but line breaks are kept."""
    return "\n".join(plain(line) for line in text.replace("\r\n", "\n").split("\n")).strip()


def _not_empty(text: str) -> str:
    """After trimming: a name of spaces is no name."""
    if not text:
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return text


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(plain), AfterValidator(_not_empty)]
PlainText = Annotated[str, Field(max_length=500), AfterValidator(plain)]
"""One line, which may be empty."""
Prose = Annotated[str, Field(max_length=4_000), AfterValidator(prose)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""An id that people choose."""
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}$")]
"""Any id in an address or a body."""
