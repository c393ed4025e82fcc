"""Bulk import: all or nothing, every bad row named, a dry run that changes nothing, the same file twice."""

from typing import Any

import pytest
from registry_builders import CALENDAR, COUNTER, DESK, MALL, MORNING, RULE, SERVICE, SITE, Registrar, bodies

from gerai.chassis.problems import FAULTS_LIMIT
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.entrypoints.import_rows import ROWS_PER_SECTION, ImportBody, read_rows
from gerai.registry.entrypoints.shapes import SECTIONS
from gerai.registry.use_cases.import_entries import (
    NAMED_LIMIT,
    ImportReport,
    ImportRows,
    UnableToImport,
    import_entries,
    rehearse_import,
)
from gerai.registry.use_cases.take_rows import CHILDREN_READ, Row


def rows(*stated: tuple[type, str, dict[str, Any]]) -> ImportRows:
    read = [
        Row(
            path=f"{kind.section}.{n}",
            kind=kind,
            id=id,
            facts=kind.facts_type.model_validate(facts, strict=False),
        )
        for n, (kind, id, facts) in enumerate(stated)
    ]
    return ImportRows(rows=read)


async def imported(registrar: Registrar, *stated: tuple[type, str, dict[str, Any]]) -> ImportReport:
    return await registrar.does(lambda uow: import_entries(rows(*stated), uow=uow, at=MORNING, rule=RULE))


class TestImport:
    async def test_loads_a_mall_in_one_transaction(self, registrar, storage: MemoryStorage) -> None:
        report = await imported(registrar, *MALL)
        assert (report.registered, report.changed, report.unchanged) == (6, 0, 0)
        assert storage.commits == 1
        assert len(storage.outbox) == 6

    async def test_the_same_file_again_changes_nothing(self, registrar, storage: MemoryStorage) -> None:
        await imported(registrar, *MALL)
        commits = storage.commits
        report = await imported(registrar, *MALL)
        assert (report.registered, report.changed, report.unchanged) == (0, 0, 6)
        assert (storage.commits, len(storage.outbox)) == (commits, 6)

    async def test_says_which_fields_change(self, registrar) -> None:
        await imported(registrar, *MALL)
        report = await imported(registrar, *MALL[:3], (Service, "nib", SERVICE | {"daily_quota": 5}))
        assert [(one.id, one.fields) for one in report.entries] == [("nib", ("daily_quota",))]

    async def test_names_every_bad_row_and_changes_nothing(self, registrar, storage: MemoryStorage) -> None:
        with pytest.raises(UnableToImport) as refused:
            await imported(
                registrar,
                *MALL,
                (Counter, "bri", COUNTER | {"institution_id": "nobody"}),
                (Service, "bri-1", SERVICE | {"counter_id": "bri", "prefix": "B"}),
                (Service, "sip", SERVICE),
                (Desk, "loket-2", DESK | {"service_ids": ["nothing"]}),
                (Desk, "loket-2", DESK),
            )
        assert {(row.path, row.code) for row in refused.value.bad.named} == {
            ("counters.6.institution_id", "unknown_reference"),
            ("services.8.prefix", "prefix_taken"),
            ("desks.9.service_ids", "unknown_reference"),
            ("desks.10.id", "id_repeated"),
        }, "the service of the bad counter is no mistake of its own"
        assert (storage.commits, storage.outbox) == (0, [])

    async def test_a_sentence_of_a_bad_row_names_what_is_meant(self, registrar) -> None:
        with pytest.raises(UnableToImport) as refused:
            await imported(registrar, (Counter, "bri", COUNTER))
        assert [row.sentence.en for row in refused.value.bad.named] == [
            "The site mpp does not exist.",
            "The institution dpmptsp does not exist.",
        ]

    async def test_two_services_can_swap_their_prefixes(self, registrar, storage) -> None:
        await imported(registrar, *MALL, (Service, "sip", SERVICE | {"prefix": "B"}))
        swapped = ((Service, "nib", SERVICE | {"prefix": "B"}), (Service, "sip", SERVICE))
        assert (await imported(registrar, *swapped)).changed == 2

    async def test_a_counter_is_withdrawn_together_with_what_hangs_on_it(self, registrar, storage) -> None:
        await imported(registrar, *MALL)
        withdrawn = [(kind, id, stated | {"active": False}) for kind, id, stated in MALL[2:5]]
        assert (await imported(registrar, *withdrawn)).changed == 3
        assert bodies(storage.outbox, "registry.counters")[-1]["active"] is False

    async def test_a_dry_run_reports_and_changes_nothing(self, registrar, storage: MemoryStorage) -> None:
        rehearsal = UnitOfWork(IdentityMap(storage, {}), registrar.context, source="/gerai/registry")
        report = (await rehearse_import(rows(*MALL), uow=rehearsal, at=MORNING, rule=RULE)).report
        assert (report.dry_run, report.registered) == (True, 6)
        assert (storage.commits, storage.outbox) == (0, [])


def file(**more: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The small mall as a file, with more rows in some sections."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for kind, id, stated in MALL:
        sections.setdefault(kind.section, []).append({"id": id, **stated})
    for section, rows in more.items():
        sections[section] = [*sections[section], *rows]
    return sections


async def loaded(registrar: Registrar, body: dict[str, Any]) -> ImportReport:
    read = read_rows(ImportBody.model_validate(body))
    return await registrar.does(lambda uow: import_entries(read, uow=uow, at=MORNING, rule=RULE))


async def faults(registrar: Registrar, body: dict[str, Any]) -> set[tuple[str, str]]:
    with pytest.raises(UnableToImport) as refused:
        await loaded(registrar, body)
    bad = refused.value.bad
    assert bad.count == len(bad.named)
    return {(row.path, row.code) for row in bad.named}


class TestRowsOfABrokenParent:
    """They are not blamed for it, and not excused from anything else."""

    async def test_their_own_mistakes_are_named_when_the_parent_cannot_be_read(self, registrar) -> None:
        bad = file(
            counters=[
                {"id": "bri", **COUNTER, "institution_id": "nobody"},
                {"id": "bpd", **COUNTER, "colour": "red"},
            ],
            services=[
                {"id": "sip", **SERVICE},
                {"id": "bri-1", **SERVICE, "counter_id": "bri"},
                {"id": "bpd-1", **SERVICE, "counter_id": "bpd"},
                {"id": "bpd-2", **SERVICE, "counter_id": "bpd", "prefix": "Z"},
            ],
            desks=[
                {"id": "loket-2", **DESK, "service_ids": ["nib", "nothing"]},
                {"id": "loket-3", **DESK, "service_ids": ["bpd-1"]},
                {"id": "loket-4", **DESK, "counter_id": "bpd", "service_ids": ["bpd-2"]},
            ],
            calendars=[
                {"id": "counter:nowhere", **CALENDAR},
                {"id": "counter:bpd", **CALENDAR},
                {"id": "institution:nowhere", **CALENDAR},
                {"id": "institution:dpmptsp", **CALENDAR},
            ],
        )
        bad["sites"][0]["zone"] = "Asia/Raha"
        assert await faults(registrar, bad) == {
            ("sites.0.zone", "unknown_zone"),
            ("counters.1.institution_id", "unknown_reference"),
            ("counters.2.colour", "unknown_field"),
            ("services.1.prefix", "prefix_taken"),
            ("services.2.prefix", "prefix_taken"),
            ("services.3.prefix", "prefix_taken"),
            ("desks.1.service_ids", "unknown_reference"),
            ("desks.2.service_ids", "other_counter"),
            ("calendars.1.id", "unknown_reference"),
            ("calendars.3.id", "unknown_reference"),
        }

    async def test_a_counter_that_does_not_say_its_site_is_at_one_site_all_the_same(self, registrar) -> None:
        bad = file(services=[{"id": "sip", **SERVICE}])
        del bad["counters"][0]["site_id"]
        assert await faults(registrar, bad) == {
            ("counters.0.site_id", "missing"),
            ("services.1.prefix", "prefix_taken"),
        }

    async def test_a_parent_that_nobody_stated_is_one_mistake_among_others(self, registrar) -> None:
        lost = {"counter_id": "elsewhere"}
        bad = file(
            services=[{"id": "sip", **SERVICE, **lost}, {"id": "siup", **SERVICE, **lost}],
            desks=[{"id": "loket-2", **DESK, **lost}],
        )
        assert await faults(registrar, bad) == {
            ("services.1.counter_id", "unknown_reference"),
            ("services.2.counter_id", "unknown_reference"),
            ("services.2.prefix", "prefix_taken"),
            ("desks.1.counter_id", "unknown_reference"),
            ("desks.1.service_ids", "other_counter"),
        }

    async def test_a_parent_that_would_be_withdrawn_is_seen_although_its_row_is_bad(self, registrar) -> None:
        bad = file()
        bad["counters"][0] |= {"active": False, "colour": "red"}
        assert await faults(registrar, bad) == {
            ("counters.0.colour", "unknown_field"),
            ("services.0.counter_id", "parent_withdrawn"),
            ("desks.0.counter_id", "parent_withdrawn"),
        }

    async def test_a_counter_that_may_not_move_is_still_a_parent(self, registrar) -> None:
        await imported(registrar, *MALL)
        bad = file(
            sites=[{"id": "mpp-2", **SITE}], services=[{"id": "sip", **SERVICE}, {"id": "siup", **SERVICE}]
        )
        bad["services"][1]["prefix"] = "B"
        bad["counters"][0]["site_id"] = "mpp-2"
        assert await faults(registrar, bad) == {
            ("counters.0.site_id", "cannot_move"),
            ("services.2.prefix", "prefix_taken"),
        }

    async def test_an_id_of_another_regency_is_still_a_parent(self, registrar, storage) -> None:
        stranger = Registrar(storage, registrar.commit, tenant="muna")
        await imported(stranger, (Site, "mpp", SITE))
        bad = file(services=[{"id": "sip", **SERVICE}])
        assert await faults(registrar, bad) == {
            ("sites.0.id", "id_taken"),
            ("services.1.prefix", "prefix_taken"),
        }


class TestRowsBesideABrokenOne:
    async def test_who_takes_the_prefix_that_it_gives_up_is_not_blamed(self, registrar) -> None:
        await imported(registrar, *MALL)
        bad = file(services=[{"id": "sip", **SERVICE}])
        bad["services"][0] |= {"prefix": "B", "daily_quota": "many"}
        assert await faults(registrar, bad) == {("services.0.daily_quota", "invalid")}

    async def test_who_takes_the_prefix_that_it_wants_is_named(self, registrar) -> None:
        bad = file(services=[{"id": "sip", **SERVICE}])
        bad["services"][0]["daily_quota"] = "many"
        assert await faults(registrar, bad) == {
            ("services.0.daily_quota", "invalid"),
            ("services.1.prefix", "prefix_taken"),
        }

    @pytest.mark.parametrize(("active", "still"), [(False, set()), (True, {"still_in_use"})])
    async def test_a_parent_is_withdrawn_if_it_would_be_too(self, registrar, active, still) -> None:
        await imported(registrar, *MALL)
        bad = file()
        bad["counters"][0]["active"] = False
        bad["desks"][0]["active"] = False
        bad["services"][0] |= {"active": active, "daily_quota": "many"}
        found = await faults(registrar, bad)
        assert {code for path, code in found if path.startswith("counters")} == still

    async def test_its_id_is_taken(self, registrar) -> None:
        bad = file(sites=[{"id": "mpp", **SITE}])
        bad["sites"][0]["zone"] = "Asia/Raha"
        assert await faults(registrar, bad) == {
            ("sites.0.zone", "unknown_zone"),
            ("sites.1.id", "id_repeated"),
        }


class TestManyRows:
    async def test_the_one_child_that_stays_is_found_behind_all_that_go(self, registrar) -> None:
        """More rows than the widest look: whoever withdraws a counter leaves nothing active behind."""
        many = [{"id": f"a-{n:04d}", **DESK, "service_ids": []} for n in range(ROWS_PER_SECTION - 1)]
        await loaded(registrar, file(desks=many))
        await imported(registrar, (Desk, "z-last", DESK | {"service_ids": []}))
        going = file(desks=many)
        for row in (*going["counters"], *going["services"], *going["desks"]):
            row["active"] = False
        with pytest.raises(UnableToImport) as refused:
            await loaded(registrar, going)
        [one] = refused.value.bad.named
        assert (one.path, one.code) == ("counters.0.active", "still_in_use")
        assert "z-last" in one.sentence.en
        assert CHILDREN_READ >= ROWS_PER_SECTION + 200

    async def test_every_bad_row_is_named_when_all_are(self, registrar) -> None:
        sections = ("sites", "institutions", "counters", "services", "desks", "calendars")
        everything = {section: [{}] * ROWS_PER_SECTION for section in sections}
        with pytest.raises(UnableToImport) as refused:
            await loaded(registrar, everything)
        bad = refused.value.bad
        rows = {".".join(one.path.split(".")[:2]) for one in bad.named}
        assert len(rows) == len(sections) * ROWS_PER_SECTION
        assert len(bad.named) <= len(rows) + NAMED_LIMIT
        assert bad.count == sum(
            len(section.row.model_json_schema()["required"]) * ROWS_PER_SECTION for section in SECTIONS
        )

    @pytest.mark.parametrize("unknown", [1, FAULTS_LIMIT + 1, 50_000])
    def test_a_row_with_many_faults_is_named_and_its_faults_are_counted(self, unknown: int) -> None:
        row = {"id": "mpp", **SITE} | {f"f{n}": 1 for n in range(unknown)}
        read = read_rows(ImportBody.model_validate({"sites": [row]}))
        assert read.bad.count == unknown
        assert 1 <= len(read.bad.named) <= FAULTS_LIMIT
        assert read.bad.named[0].path.startswith("sites.0")
        assert all("{" not in one.sentence.en + one.sentence.id for one in read.bad.named)


class TestRows:
    def test_a_strange_field_name_comes_back_harmless(self) -> None:
        read = read_rows(ImportBody.model_validate({"sites": [{"\u202enama\x00": 1}]}))
        assert "sites.0.?nama?" in [row.path for row in read.bad.named]

    @pytest.mark.parametrize("row", [None, 7, "text", [], {"id": 5}, {"id": {"a": 1}}])
    def test_whatever_a_row_is_it_is_named_in_both_languages(self, row: Any) -> None:
        for section in ("sites", "institutions", "counters", "services", "desks", "calendars"):
            read = read_rows(ImportBody.model_validate({section: [row]}))
            assert read.bad.named
            assert all(one.sentence.id and one.sentence.en for one in read.bad.named)
            assert all("{" not in one.sentence.en for one in read.bad.named)
