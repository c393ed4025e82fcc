"""Ids that people choose: what everybody may read, and nothing that tells who somebody is."""

import re
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter

from gerai.contracts.text import NOT_PERSONAL, Id, Slug, hidden_at, looks_personal

TAKEN = [
    "muna-barat-mpp",
    "dpmptsp-loket-12",
    "shift-2026-11-24",
    "0193a5c2-7b1e-7c44-9f0d-2a6b8e4c1d35",
    "01234567-8912-4345-8678-901234567890",
    "8f0123456789ab4cde81231234567890",
]
REFUSED = ["7413010101900001", "nik-7413010101900001", "081234567890", "0812-3456-7890", "hp-62-812-345-678"]


def schema_allows(schema: dict[str, Any], text: str) -> bool:
    return bool(re.search(schema["pattern"], text)) and not re.search(schema["not"]["pattern"], text)


OLD = ["74-13-01-2001", "loket-2026-11-24-1", "7413012001"]
"""Chosen before there was the rule: a village's code, a day's counter."""


class TestNewIds:
    """The schema of a body that makes an id says what the domain refuses."""

    schema = TypeAdapter(Annotated[Slug, NOT_PERSONAL]).json_schema()

    @pytest.mark.parametrize("text", TAKEN)
    def test_opaque_ones_are_taken(self, text: str) -> None:
        assert not looks_personal(text)
        assert schema_allows(self.schema, text)

    @pytest.mark.parametrize("text", REFUSED + OLD)
    def test_those_that_look_like_a_nik_or_a_phone_number_are_refused(self, text: str) -> None:
        assert looks_personal(text)
        assert not schema_allows(self.schema, text)


@pytest.mark.parametrize("kind", [Slug, Id])
@pytest.mark.parametrize("text", TAKEN + OLD)
def test_an_id_that_was_made_once_can_be_looked_up(kind: Any, text: str) -> None:
    assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["a_7413_0101_0190_0001", "7413:0101/0190.0001", "x 7 4 1 3 0 1 0 1 9", "a@b.id"]
)
def test_what_stands_between_digits_hides_nothing(text: str) -> None:
    assert looks_personal(text)


@pytest.mark.parametrize("hidden", ["\ud800", "\u202e", "\u2028", "\u2029", "\u200b", "\n", "\x00", "\ufeff"])
def test_what_nobody_sees_is_found(hidden: str) -> None:
    assert hidden_at(f"ab{hidden}c") == 2
    assert hidden_at("Kantor Wilayah Sulawesi – é") is None
