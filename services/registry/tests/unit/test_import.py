"""Bulk import: all or nothing, every bad row named, a dry run that changes nothing, the same file twice."""

from typing import Any

import pytest
from registry_builders import COUNTER, DESK, MALL, MORNING, RULE, SERVICE, Registrar, bodies

from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import Gathering, UnitOfWork
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.service import Service
from gerai.registry.entrypoints.import_rows import ImportBody, read_rows
from gerai.registry.use_cases.import_entries import (
    ImportReport,
    ImportRows,
    Row,
    UnableToImport,
    import_entries,
)


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
    return await registrar.does(
        lambda uow: import_entries(rows(*stated), dry_run=False, uow=uow, at=MORNING, rule=RULE)
    )


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
        assert {(row.path, row.code) for row in refused.value.bad_rows} == {
            ("counters.6.institution_id", "unknown_reference"),
            ("services.8.prefix", "prefix_taken"),
            ("desks.9.service_ids", "unknown_reference"),
            ("desks.10.id", "id_repeated"),
        }, "the service of the bad counter is no mistake of its own"
        assert (storage.commits, storage.outbox) == (0, [])

    async def test_a_sentence_of_a_bad_row_names_what_is_meant(self, registrar) -> None:
        with pytest.raises(UnableToImport) as refused:
            await imported(registrar, (Counter, "bri", COUNTER))
        [row] = refused.value.bad_rows
        assert row.sentence.en == "The site mpp does not exist."

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
        rehearsal = UnitOfWork(Gathering(storage, {}), registrar.context, source="/gerai/registry")
        report = await import_entries(rows(*MALL), dry_run=True, uow=rehearsal, at=MORNING, rule=RULE)
        assert (report.dry_run, report.registered) == (True, 6)
        assert (storage.commits, storage.outbox) == (0, [])


class TestRows:
    def test_a_strange_field_name_comes_back_harmless(self) -> None:
        read = read_rows(ImportBody.model_validate({"sites": [{"\u202enama\x00": 1}]}))
        assert "sites.0.?nama?" in [row.path for row in read.malformed]

    @pytest.mark.parametrize("row", [None, 7, "text", [], {"id": 5}, {"id": {"a": 1}}])
    def test_whatever_a_row_is_it_is_named_in_both_languages(self, row: Any) -> None:
        for section in ("sites", "institutions", "counters", "services", "desks", "calendars"):
            read = read_rows(ImportBody.model_validate({section: [row]}))
            assert read.malformed
            assert all(one.sentence.id and one.sentence.en for one in read.malformed)
            assert all("{" not in one.sentence.en for one in read.malformed)
