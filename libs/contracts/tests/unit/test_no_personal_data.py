"""No personal data in events, ever: neither in what they have room for nor in the samples."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from gerai.contracts import registry
from gerai.contracts.event import Event
from gerai.contracts.language import events
from gerai.contracts.places import Places, repository
from gerai.contracts.samples import samples
from gerai.contracts.schemas import parts_of

PERSONAL_WORDS = re.compile(
    r"name|nama|fullname|nik|ktp|npwp|kk|passport|paspor|phone|telepon|telp|hp|mobile|whatsapp|wa|e?mail|surel"
    r"|address|alamat|street|birth|birthday|born|lahir|age|umur|gender|sex|religion|agama|health|disability"
    r"|difabel|pregnant|photo|foto|face|signature|fingerprint|ip|latitude|longitude|visitor|citizen|person"
    r"|customer|contact|notes?|comments?|remarks?|text|freetext|message"
)
PUBLIC: frozenset[tuple[type[BaseModel], str]] = frozenset(
    {
        (registry.SiteChanged, "name"),
        (registry.SiteChanged, "address"),
        (registry.InstitutionChanged, "name"),
        (registry.CounterChanged, "name"),
        (registry.DeskChanged, "name"),
        (registry.ServiceChanged, "name"),
        (registry.Holiday, "name"),
    }
)
"""Names of places, offices and days, which hang at the door. Nothing of a person may be added here."""

OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
PERSONAL_VALUES = {
    "a NIK": re.compile(r"(?<!\d)\d{16}(?!\d)"),
    "a masked NIK": re.compile(r"\d{4}\*{4,}\d{4}"),
    "a phone number": re.compile(r"(?<![\w-])(\+62|62|0)8\d{7,11}(?!\d)"),
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.\w+"),
    # no part above 255: "500.16.7.2" is a filing code in permit numbers
    "an IP address": re.compile(rf"(?<![\d.])(?:{OCTET}\.){{3}}{OCTET}(?![\d.])"),
}


def personal_fields(model: type[BaseModel]) -> Iterator[str]:
    for name in model.model_fields:
        if any(map(PERSONAL_WORDS.fullmatch, name.lower().split("_"))) and (model, name) not in PUBLIC:
            yield f"{model.__name__}.{name}"


def personal_values(text: str) -> list[str]:
    return [kind for kind, pattern in PERSONAL_VALUES.items() if pattern.search(text)]


@pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
def test_an_event_has_no_room_for_personal_data(event: type[Event]) -> None:
    for model in (event, *parts_of(event)):
        assert not list(personal_fields(model))


def test_the_samples_carry_no_personal_data() -> None:
    for sample in samples(Places(repository()).samples):
        assert not personal_values(f"{sample.key} {sample.headers} {sample.body}"), sample.name


@pytest.mark.parametrize("field", ["visitor_name", "nik", "contact_phone", "email", "home_address", "note"])
def test_a_planted_field_is_found(field: str) -> None:
    planted = type("Planted", (registry.SiteChanged,), {"__annotations__": {field: str}})
    assert f"Planted.{field}" in set(personal_fields(planted))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("actor 7413014101900001", "a NIK"),
        ("7413********0001", "a masked NIK"),
        ("+6281234567890", "a phone number"),
        ("081234567890", "a phone number"),
        ("siti@example.go.id", "an e-mail address"),
        ("from 10.1.2.3", "an IP address"),
    ],
)
def test_a_planted_value_is_found(text: str, kind: str) -> None:
    assert kind in personal_values(text)
