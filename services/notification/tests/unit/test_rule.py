"""Rules: which event makes us tell whom what, checked against the published language."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from notification_builders import OWN, Names, rule, template

from gerai.contracts.event import Event
from gerai.contracts.queue import TicketNearFront
from gerai.notification.domain.languages import Language
from gerai.notification.domain.rule import Reader, Rule, Value, shown

MAKASSAR = ZoneInfo("Asia/Makassar")


def near_front(**more: Any) -> TicketNearFront:
    return TicketNearFront(
        **{
            "tenant": "muna-barat",
            "site_id": "muna-barat-mpp",
            "counter_id": "bpjs",
            "service_id": "bpjs-pendaftaran",
            "ticket_id": "t-1",
            "number": "A-012",
            "local_day": "2026-11-30",
            "leg": 1,
            "priority_class": "regular",
            "from_state": "waiting",
            "to_state": "waiting",
            "actor": "queue",
            "people_before": 3,
            **more,
        }
    )


def problems(made: Rule) -> set[tuple[str, str]]:
    return {(problem.place, problem.code) for problem in made.problems({"ticket-called": template()})}


def test_a_good_one_has_no_problems():
    assert problems(rule()) == set()


def test_all_problems_are_told_at_once():
    made = rule(
        when=[{"field": "colour", "equals": "red"}, {"field": "number", "at_most": 3}],
        values={"number": {"field": "nomor"}, "name": {"field": "number"}},
    )
    assert problems(made) == {
        ("when.0", "unknown_field:colour"),
        ("when.1", "not_a_number:number"),
        ("values.number", "unknown_field:nomor"),
        ("values", "placeholder_without_value:desk"),
        ("values", "unknown_placeholder:name"),
    }
    assert problems(rule(event="queue.ticket-danced.v1", template="none")) == {
        ("event", "unknown_event"),
        ("template", "unknown_template"),
    }


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ([], True),
        ([{"field": "people_before", "at_most": 3}], True),
        ([{"field": "people_before", "at_most": 2}], False),
        ([{"field": "people_before", "at_least": 3, "at_most": 3}], True),
        ([{"field": "leg", "equals": "1"}, {"field": "people_before", "equals": "2"}], False),
        ([{"field": "service_id", "one_of": ["a", "bpjs-pendaftaran"]}], True),
        ([{"field": "service_id", "one_of": ["a"]}], False),
        ([{"field": "desk_id", "is_there": False}], True),
        ([{"field": "desk_id", "is_there": True}], False),
    ],
)
def test_all_conditions_must_hold(when: list[dict[str, Any]], applies: bool):
    assert rule(event="queue.ticket-near-front.v1", when=when).applies_to(near_front()) == applies


def test_another_event_is_another_matter():
    assert not rule().applies_to(near_front())


def test_every_event_of_the_language_can_have_a_rule():
    for event in Event.every():
        if event.__module__.startswith("gerai.contracts"):
            made = rule(event=event.type, values={name: {"field": "tenant"} for name in ("number", "desk")})
            assert problems(made) == set()


@pytest.mark.parametrize(
    ("value", "form", "language", "text"),
    [
        (15_000_000, "rupiah", "id", "Rp 15.000.000"),
        (0, "rupiah", "en", "Rp 0"),
        (datetime(2026, 11, 30, 17, 5, tzinfo=UTC), "time", "id", "01:05"),
        (datetime(2026, 11, 30, 17, 5, tzinfo=UTC), "day", "id", "1 Desember 2026"),
        ("2026-08-17", "day", "id", "17 Agustus 2026"),
        ("2026-08-17", "day", "en", "17 August 2026"),
        (61.0, "minutes", "id", "2"),
        ("x1", "link", "id", "https://gerai.example.go.id/kunjungan/x1"),
        (None, "plain", "id", ""),
        (None, "day", "id", ""),
        ("2", "desk", "id", "Loket 2"),
        ("bpjs", "counter", "en", "Gerai bpjs"),
        ("x", "service", "id", "Layanan x"),
        ("laworo", "site", "id", "MPP laworo"),
    ],
)
def test_values_are_shown_as_people_read_them(value: Any, form: str, language: str, text: str):
    how = Value.model_validate({"field": "x", "form": form, "path": "kunjungan/"})
    reader = Reader(language=Language(language), zone=MAKASSAR, own_address=OWN[0], names=Names())
    assert shown(value, how, reader) == text
