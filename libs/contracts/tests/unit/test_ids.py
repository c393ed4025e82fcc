"""Ids that people choose: what everybody may read, and nothing that tells who somebody is."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gerai.contracts.text import Id, Slug, hidden_at, looks_personal

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


@pytest.mark.parametrize("kind", [Slug, Id])
class TestIds:
    @pytest.mark.parametrize("text", TAKEN)
    def test_opaque_ones_are_taken(self, kind: Any, text: str) -> None:
        adapter = TypeAdapter(kind)
        assert adapter.validate_python(text) == text
        assert schema_allows(adapter.json_schema(), text)

    @pytest.mark.parametrize("text", REFUSED)
    def test_those_that_look_like_a_nik_or_a_phone_number_are_refused(self, kind: Any, text: str) -> None:
        adapter = TypeAdapter(kind)
        with pytest.raises(ValidationError, match="personal_id"):
            adapter.validate_python(text)
        assert not schema_allows(adapter.json_schema(), text)


@pytest.mark.parametrize(
    "text", ["a_7413_0101_0190_0001", "7413:0101/0190.0001", "x 7 4 1 3 0 1 0 1 9", "a@b.id"]
)
def test_what_stands_between_digits_hides_nothing(text: str) -> None:
    assert looks_personal(text)


@pytest.mark.parametrize("hidden", ["\ud800", "\u202e", "\u2028", "\u2029", "\u200b", "\n", "\x00", "\ufeff"])
def test_what_nobody_sees_is_found(hidden: str) -> None:
    assert hidden_at(f"ab{hidden}c") == 2
    assert hidden_at("Kantor Wilayah Sulawesi – é") is None
