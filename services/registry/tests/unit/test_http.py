"""The routes as a client sees them: answers, versions, pages, refusals."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from prometheus_client import REGISTRY
from registry_builders import CALENDAR, INSTITUTION, MALL, SERVICE, SITE
from registry_front_door import Client, front_door
from structlog.testing import capture_logs

from gerai.messaging.memory.storage import MemoryStorage
from gerai.registry.domain import entry
from gerai.registry.entrypoints.shapes import SECTIONS

ASKED_ONE_BY_ONE = ("gerai_registry_foreign_ids_asked_total", {"through": "register"})


@pytest.fixture
async def door(storage: MemoryStorage) -> AsyncIterator[Any]:
    async with front_door(storage) as opened:
        yield opened


@pytest.fixture
def client(door: Any) -> Client:
    return Client(door)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What the service logs; tests are silent otherwise."""
    silent = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with capture_logs() as entries:
        yield entries
    structlog.configure(wrapper_class=silent)


def file() -> dict[str, Any]:
    """The small mall as an import."""
    sections: dict[str, Any] = {}
    for kind, id, stated in MALL:
        sections.setdefault(kind.section, []).append({"id": id, **stated})
    return sections


class TestEntries:
    async def test_the_documented_examples_run_as_shown(self, client: Client) -> None:
        for section in SECTIONS:
            [example] = section.row.model_config["json_schema_extra"]["examples"]
            made = await client.posts(f"/v1/{section.name}", example)
            assert made.status_code == 201, made.text
            read = await client.gets(f"/v1/{section.name}/{example['id']}")
            assert read.content == made.content
            assert read.headers["etag"] == made.headers["etag"] == '"1"'

    async def test_an_entry_is_replaced_by_who_read_it_last(self, client: Client) -> None:
        await client.posts("/v1/sites", {"id": "mpp", **SITE})
        changed = await client.puts("/v1/sites/mpp", SITE | {"name": "MPP baru"}, etag='"1"')
        assert (changed.status_code, changed.headers["etag"], changed.json()["version"]) == (200, '"2"', 2)
        stale = await client.puts("/v1/sites/mpp", SITE, etag='"1"')
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
        blind = await client.puts("/v1/sites/mpp", SITE, etag=None)
        assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
        assert (await client.gets("/v1/sites/mpp")).json()["name"] == "MPP baru"

    async def test_a_withdrawn_entry_is_shown_as_such(self, client: Client) -> None:
        await client.posts("/v1/sites", {"id": "mpp", **SITE})
        gone = await client.deletes("/v1/sites/mpp", etag='"1"')
        assert (gone.status_code, gone.json()["active"], gone.headers["etag"]) == (200, False, '"2"')
        assert (await client.gets("/v1/sites", active=True)).json()["items"] == []
        assert (await client.gets("/v1/sites")).json()["items"][0]["id"] == "mpp"

    async def test_a_repeated_post_gets_the_same_answer_and_registers_once(self, client, storage) -> None:
        first = await client.posts("/v1/sites", {"id": "mpp", **SITE}, key="same-key-1")
        again = await client.posts("/v1/sites", {"id": "mpp", **SITE}, key="same-key-1")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        other = await client.posts("/v1/sites", {"id": "mpp-2", **SITE}, key="same-key-1")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert len(storage.outbox) == 1

    async def test_pages_are_bounded_and_complete(self, client: Client) -> None:
        for n in range(5):
            await client.posts("/v1/sites", {"id": f"mpp-{n}", **SITE})
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while True:
            page = (await client.gets("/v1/sites", **query)).json()
            seen += [site["id"] for site in page["items"]]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert seen == [f"mpp-{n}" for n in range(5)]
        assert (await client.gets("/v1/sites", limit=1_000_000)).status_code == 422
        assert (await client.gets("/v1/sites", cursor="_w")).status_code == 422
        assert (await client.gets("/v1/sites", counter_id="x")).status_code == 422

    async def test_a_list_can_be_narrowed_to_a_parent(self, client: Client) -> None:
        await client.posts("/v1/imports", file())
        assert len((await client.gets("/v1/services", counter_id="dpmptsp")).json()["items"]) == 1
        assert (await client.gets("/v1/services", counter_id="elsewhere")).json()["items"] == []

    async def test_a_calendar_is_addressed_by_its_owner(self, client: Client) -> None:
        await client.posts("/v1/sites", {"id": "mpp", **SITE})
        assert (await client.posts("/v1/calendars", {"id": "site:mpp", **CALENDAR})).status_code == 201
        assert (await client.gets("/v1/calendars/site:mpp")).json()["week"] == CALENDAR["week"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({"id": "mpp", **SITE, "name": "MPP\x00"}, "hidden_character", "name"),
            ({"id": "mpp", **SITE, "name": "\u202eMPP"}, "hidden_character", "name"),
            ({"id": "MPP!", **SITE}, "invalid", "id"),
            ({"id": "-mpp", **SITE}, "invalid", "id"),
            ({"id": "mpp", **SITE, "zone": "Asia/Raha"}, "unknown_zone", "zone"),
            ({"id": "mpp", **SITE, "zone": "Mars/Olympus"}, "unknown_zone", "zone"),
            ({"id": "mpp", **SITE, "zone": 7}, "invalid", "zone"),
            ({"id": "mpp", **SITE, "colour": "red"}, "unknown_field", "colour"),
            ({"id": "mpp", "zone": "Asia/Makassar"}, "missing", "name"),
        ],
    )
    async def test_a_bad_field_is_named_with_a_code_and_a_sentence(
        self, client, storage, body, code, field
    ) -> None:
        refused = await client.posts("/v1/sites", body)
        assert refused.status_code == 422
        assert refused.headers["content-type"] == "application/problem+json"
        assert (refused.json()["code"], refused.json()["field"]) == (code, field)
        assert refused.json()["title"]
        assert storage.commits == 0

    @pytest.mark.parametrize(
        "time", ["8", "8:00", "08.00", "24:00", "25:00", "08:60", "08:00:00", "", 8, None]
    )
    async def test_a_time_that_no_clock_shows_is_refused_with_its_field(self, client, storage, time) -> None:
        opens = {"opens": time, "closes": "23:59"}
        closes = {"opens": "00:00", "closes": time}
        pause = {"label": "lunch", "weekdays": [0], "starts": time, "ends": "23:59"}
        closed = {"date": "2026-12-31", "reason": "Tutup buku"}
        for stated, field in (
            ({"week": [{"weekday": 0, "intervals": [opens]}]}, "week.0.intervals.0.opens"),
            ({"week": [{"weekday": 0, "intervals": [closes]}]}, "week.0.intervals.0.closes"),
            ({"breaks": [pause]}, "breaks.0.starts"),
            ({"overrides": [{**closed, "intervals": [opens]}]}, "overrides.0.intervals.0.opens"),
        ):
            row = {"id": "site:mpp", **stated}
            refused = await client.posts("/v1/calendars", row)
            assert refused.status_code == 422
            assert (refused.json()["code"], refused.json()["field"]) == ("invalid", field)
            refused = await client.posts("/v1/imports", {"calendars": [row]}, dry_run=True)
            assert refused.json()["errors"][0]["field"] == f"calendars.0.{field}"
        assert storage.commits == 0

    async def test_an_institution_has_a_calendar_of_its_own_with_periods(
        self, client: Client, storage
    ) -> None:
        await client.posts("/v1/institutions", {"id": "samsat", **INSTITUTION})
        period = {"starts": "2027-01-04", "ends": None, "reason": "Enam hari kerja", "breaks": []}
        row = {**CALENDAR, "periods": [period | {"week": CALENDAR["week"]}]}
        made = await client.posts("/v1/calendars", {"id": "institution:samsat", **row})
        assert made.status_code == 201
        assert (await client.gets("/v1/calendars/institution:samsat")).json()["periods"] == row["periods"]
        told = json.loads(storage.outbox[-1].body)
        assert (told["id"], told["periods"]) == ("institution:samsat", row["periods"])

    async def test_a_calendar_of_an_institution_that_nobody_knows_is_refused(self, client: Client) -> None:
        refused = await client.posts("/v1/calendars", {"id": "institution:nobody", **CALENDAR})
        assert (refused.json()["code"], refused.json()["field"]) == ("unknown_reference", "id")

    @pytest.mark.parametrize("id", ["site:-mpp", "mpp", "hall:mpp", "site:"])
    async def test_a_calendar_of_nothing_is_refused(self, client, storage, id) -> None:
        refused = await client.posts("/v1/calendars", {"id": id, **CALENDAR})
        assert (refused.json()["code"], refused.json()["field"]) == ("invalid", "id")

    async def test_a_site_that_nobody_has_registered_does_not_exist(self, client: Client, storage) -> None:
        for answer in (
            await client.gets("/v1/sites/no-such"),
            await client.puts("/v1/sites/no-such", SITE, etag='"1"'),
            await client.deletes("/v1/sites/no-such", etag='"1"'),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert storage.commits == 0

    async def test_another_regencys_entry_does_not_exist(self, client: Client, door: Any) -> None:
        await client.posts("/v1/sites", {"id": "mpp", **SITE})
        stranger = Client(door, tenant="muna")
        assert (await stranger.gets("/v1/sites/mpp")).status_code == 404
        assert (await stranger.puts("/v1/sites/mpp", SITE, etag='"1"')).status_code == 404
        assert (await stranger.deletes("/v1/sites/mpp", etag='"1"')).status_code == 404
        assert (await stranger.gets("/v1/sites")).json()["items"] == []

    async def test_only_a_registrar_changes_anything(self, client: Client, door: Any) -> None:
        await client.posts("/v1/sites", {"id": "mpp", **SITE})
        officer = Client(door, role="officer")
        assert (await officer.gets("/v1/sites/mpp")).status_code == 200
        for answer in (
            await officer.posts("/v1/sites", {"id": "mpp-2", **SITE}),
            await officer.puts("/v1/sites/mpp", SITE, etag='"1"'),
            await officer.deletes("/v1/sites/mpp", etag='"1"'),
            await officer.posts("/v1/imports", file(), dry_run=True),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    async def test_a_conflict_says_with_what(self, client: Client) -> None:
        await client.posts("/v1/imports", file())
        taken = await client.posts("/v1/services", {"id": "sip", **SERVICE})
        assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (
            409,
            "prefix_taken",
            "prefix",
        )
        assert "nib" in taken.json()["title"]


class TestIdsThatLookPersonal:
    @pytest.mark.parametrize("id", ["7413010101900001", "hp-0812-3456-7890"])
    async def test_none_is_made(self, client, storage, id) -> None:
        refused = await client.posts("/v1/sites", {"id": id, **SITE})
        told = refused.json()
        assert (refused.status_code, told["code"], told["field"]) == (422, "personal_id", "id")
        assert id not in refused.text
        imported = await client.posts("/v1/imports", {"sites": [{"id": id, **SITE}]}, dry_run=False)
        assert [(one["field"], one["code"]) for one in imported.json()["errors"]] == [
            ("sites.0.id", "personal_id")
        ]
        assert storage.commits == 0

    @pytest.mark.parametrize("id", ["74-13-01-2001", "loket-2026-11-24-1", "7413012001"])
    async def test_one_that_was_there_before_is_read_changed_and_referred_to(
        self, client, monkeypatch, id
    ) -> None:
        with monkeypatch.context() as before:
            before.setattr(entry, "looks_personal", lambda _: False)
            assert (await client.posts("/v1/sites", {"id": id, **SITE})).status_code == 201
        read = await client.gets(f"/v1/sites/{id}")
        assert (read.status_code, read.json()["id"]) == (200, id)
        changed = await client.puts(f"/v1/sites/{id}", SITE | {"name": "Lain"}, etag='"1"')
        assert changed.status_code == 200
        again = await client.posts("/v1/imports", {"sites": [{"id": id, **SITE}]}, dry_run=False)
        assert (again.status_code, again.json()["changed"]) == (200, 1)
        calendar = await client.posts("/v1/calendars", {"id": f"site:{id}", **CALENDAR})
        assert calendar.status_code == 201
        assert (await client.gets(f"/v1/calendars/site:{id}")).status_code == 200
        assert (await client.gets("/v1/counters", site_id=id)).status_code == 200


class TestImports:
    async def test_a_dry_run_reports_and_the_same_key_then_imports(self, client, storage) -> None:
        dry = await client.posts("/v1/imports", file(), key="import-1", dry_run=True)
        assert (dry.status_code, dry.json()["dry_run"], dry.json()["registered"]) == (200, True, 6)
        assert storage.commits == 0
        done = await client.posts("/v1/imports", file(), key="import-1", dry_run=False)
        assert (done.json()["dry_run"], done.json()["registered"]) == (False, 6)
        assert len(storage.outbox) == 6
        again = await client.posts("/v1/imports", file(), dry_run=True)
        assert (again.json()["registered"], again.json()["unchanged"]) == (0, 6)

    async def test_bad_rows_are_named_in_the_callers_language(self, client, storage) -> None:
        bad = file()
        bad["sites"][0]["zone"] = "Asia/Raha"
        bad["desks"][0]["service_ids"] = ["nothing"]
        for dry_run in (True, False):
            refused = await client.posts("/v1/imports", bad, dry_run=dry_run)
            assert (refused.status_code, refused.json()["code"]) == (422, "rows_refused")
            assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [
                ("sites.0.zone", "unknown_zone"),
                ("desks.0.service_ids", "unknown_reference"),
            ]
            assert refused.json()["details"]["count"] == 2
            assert "time zone" in refused.json()["errors"][0]["text"]
        assert storage.commits == 0

    @pytest.mark.parametrize("dry_run", [True, False])
    async def test_asking_for_ids_of_others_leaves_a_trace(self, client, door, logged, dry_run) -> None:
        await client.posts("/v1/imports", file())
        stranger = Client(door, tenant="muna")
        asked = {"sites": [{"id": id, **SITE} for id in ("mpp", "free")], "institutions": []}
        refused = await stranger.posts("/v1/imports", asked, dry_run=dry_run)
        assert [(one["field"], one["code"]) for one in refused.json()["errors"]] == [
            ("sites.0.id", "id_taken")
        ]
        [warned] = [one for one in logged if one["event"] == "ids-of-another-regency-asked-for"]
        assert (warned["log_level"], warned["tenant"], warned["count"]) == ("warning", "muna", 1)
        assert "mpp" not in str(warned)

    async def test_so_does_asking_one_by_one(self, client, door, logged) -> None:
        def counted() -> float:
            return REGISTRY.get_sample_value(*ASKED_ONE_BY_ONE) or 0.0

        before = counted()
        await client.posts("/v1/sites", {"id": "mpp", **SITE})
        own = await client.posts("/v1/sites", {"id": "mpp", **SITE})
        assert (counted(), logged) == (before, [])
        others = await Client(door, tenant="muna").posts("/v1/sites", {"id": "mpp", **SITE})
        assert (others.status_code, others.json()["code"]) == (409, "id_taken")
        assert others.json()["title"] == own.json()["title"]
        assert counted() == before + 1
        [warned] = [one for one in logged if one["event"] == "ids-of-another-regency-asked-for"]
        assert (warned["tenant"], warned["count"], warned["through"]) == ("muna", 1, "register")
        assert "mpp" not in str(warned)

    @pytest.mark.parametrize("rows", [1, 1_000])
    async def test_two_mebibytes_of_faults_are_counted_and_not_listed(self, client, rows) -> None:
        unknown = {f"f{n:05d}": 1 for n in range(150_000 // rows)}
        body = json.dumps({"sites": [{"id": "mpp", **SITE, **unknown}] * rows}, separators=(",", ":"))
        assert 1_700_000 < len(body) < 2 * 1024 * 1024
        headers = {"content-type": "application/json", "idempotency-key": "many-faults-1"}
        refused = await client.asks("POST", "/v1/imports?dry_run=true", body.encode(), headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "rows_refused")
        assert refused.json()["details"]["count"] == 150_000
        assert {one["field"].split(".")[1] for one in refused.json()["errors"]} == {
            str(n) for n in range(rows)
        }
        assert len(refused.content) < 400_000

    async def test_takes_two_mebibytes_and_not_more(self, client: Client) -> None:
        headers = {"content-type": "application/json", "idempotency-key": "large-file-1"}
        large = b'{"sites": [], "_about": "' + b" " * 1_000_000 + b'"}'
        assert (await client.asks("POST", "/v1/imports", large, headers)).status_code == 422
        huge = b" " * (2 * 1024 * 1024 + 1)
        assert (await client.asks("POST", "/v1/imports", huge, headers)).status_code == 413


class TestDescription:
    async def test_every_route_is_described_with_its_permission(self, client: Client) -> None:
        described = (await client.gets("/openapi.json")).json()
        operations = [
            operation
            for path, methods in described["paths"].items()
            if path.startswith("/v1/")
            for operation in methods.values()
        ]
        assert len(operations) == 6 * 5 + 1
        assert all(operation["x-permission"] for operation in operations)
        assert all(operation["summary"] for operation in operations)

    async def test_every_reference_of_the_description_leads_somewhere(self, client: Client) -> None:
        described = (await client.gets("/openapi.json")).json()
        components = described["components"]
        for reference in _references(described):
            _, _, kind, name = reference.split("/")
            assert name in components[kind]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []
