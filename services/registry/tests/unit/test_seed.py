"""Muna Barat's file: complete, honest about what is an example, and taken as it is."""

import json
from pathlib import Path
from typing import Any

import pytest
from registry_builders import MORNING, RULE, Registrar

from gerai.registry.entrypoints.import_rows import ImportBody, read_rows
from gerai.registry.use_cases.import_entries import ImportReport, UnableToImport, import_entries

FILE = Path(__file__).parents[4] / "deploy" / "local" / "data" / "muna_barat.json"


@pytest.fixture
def seed() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


async def loaded(registrar: Registrar, file: dict[str, Any]) -> ImportReport:
    read = read_rows(ImportBody.model_validate(file))
    return await registrar.does(lambda uow: import_entries(read, uow=uow, at=MORNING, rule=RULE))


class TestSeed:
    def test_has_the_29_gerai_and_says_which_are_an_example(self, seed: dict[str, Any]) -> None:
        assert len(seed["counters"]) == len(seed["institutions"]) == 29
        names = {counter["name"] for counter in seed["counters"]}
        assert {"DPMPTSP", "BPJS Kesehatan", "BRI", "BPD Sultra", "Bapenda", "Samsat"} <= names
        assert "EXAMPLE" in seed["_about"]
        assert [site["zone"] for site in seed["sites"]] == ["Asia/Makassar"]

    def test_every_service_has_a_desk_that_serves_it(self, seed: dict[str, Any]) -> None:
        served = {id for desk in seed["desks"] for id in desk["service_ids"]}
        assert served == {service["id"] for service in seed["services"]}

    def test_the_table_of_holidays_stands_once(self, seed: dict[str, Any]) -> None:
        """With the site; a copy in every calendar would be changed in some and forgotten in others."""
        assert {one["id"] for one in seed["calendars"] if one["holidays"]} == {"site:muna-barat-mpp"}

    def test_every_calendar_keeps_the_friday_prayer(self, seed: dict[str, Any]) -> None:
        for calendar in seed["calendars"]:
            assert any(4 in one["weekdays"] and one["starts"] <= "12:00" for one in calendar["breaks"])

    async def test_is_taken_whole_and_a_second_time_changes_nothing(self, registrar, storage, seed) -> None:
        report = await loaded(registrar, seed)
        assert (
            report.registered
            == len(storage.outbox)
            == sum(len(rows) for rows in seed.values() if isinstance(rows, list))
        )
        again = await loaded(registrar, seed)
        assert (again.registered, again.changed, again.unchanged) == (0, 0, report.registered)

    async def test_a_broken_row_of_every_section_is_named(self, registrar, storage, seed) -> None:
        seed["sites"][0]["zone"] = "Asia/Raha"
        seed["institutions"][2]["kind"] = "village"
        seed["counters"][5]["colour"] = "red"
        seed["services"][7]["prefix"] = "a"
        del seed["desks"][9]["name"]
        seed["calendars"][0]["cutoff_minutes"] = -5
        seed["calendars"].append("not a row")
        with pytest.raises(UnableToImport) as refused:
            await loaded(registrar, seed)
        assert [(row.path, row.code) for row in refused.value.bad.named] == [
            ("sites.0.zone", "unknown_zone"),
            ("institutions.2.kind", "invalid"),
            ("counters.5.colour", "unknown_field"),
            ("services.7.prefix", "invalid"),
            ("desks.9.name", "missing"),
            ("calendars.0.cutoff_minutes", "invalid"),
            (f"calendars.{len(seed['calendars']) - 1}", "invalid"),
        ], "what only refers to a broken row is not blamed"
        assert storage.outbox == []
