"""Registering, replacing and withdrawing, and what the register refuses."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from registry_builders import COUNTER, DESK, INSTITUTION, MALL, SERVICE, SITE, Registrar, bodies

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import Refusal, UnableToFind
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import UnableToRefer, UnableToRegister, UnableToReplace
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.entrypoints.shapes import SECTIONS


class TestChanges:
    async def test_every_change_says_the_full_state_on_its_topic(
        self, registrar: Registrar, storage: MemoryStorage
    ) -> None:
        await registrar.opens_mall()
        await registrar.replaces(Service, "nib", SERVICE | {"daily_quota": 40})
        first, second = bodies(storage.outbox, "registry.services")
        assert (first["daily_quota"], second["daily_quota"]) == (None, 40)
        assert second["site_id"] == "mpp"
        assert second["institution_id"] == "dpmptsp"
        assert second["standard"]["fee"] == "Gratis"
        assert [row.version for row in storage.outbox if row.topic == "registry.services"] == [1, 2]

    async def test_replacing_with_the_same_facts_changes_nothing(
        self, registrar: Registrar, storage: MemoryStorage
    ) -> None:
        await registrar.opens_mall()
        before = len(storage.outbox)
        await registrar.replaces(Counter, "dpmptsp", COUNTER)
        assert len(storage.outbox) == before
        assert (await registrar.reads(Counter, "dpmptsp")).version == 1

    async def test_a_stale_version_is_refused_and_changes_nothing(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        await registrar.replaces(Site, "mpp", SITE | {"name": "MPP baru"})
        with pytest.raises(UnableToReplace):
            await registrar.replaces(Site, "mpp", SITE | {"name": "MPP lama"}, version=1)
        assert (await registrar.reads(Site, "mpp")).name == "MPP baru"

    async def test_a_withdrawn_entry_stays_readable_and_can_come_back(
        self, registrar: Registrar, storage: MemoryStorage
    ) -> None:
        await registrar.opens_mall()
        await registrar.withdraws(Desk, "loket-1")
        assert not (await registrar.reads(Desk, "loket-1")).active
        await registrar.replaces(Desk, "loket-1", DESK)
        assert [body["active"] for body in bodies(storage.outbox, "registry.desks")] == [True, False, True]


class TestReferences:
    @pytest.mark.parametrize(
        ("kind", "stated", "field"),
        [
            (Counter, COUNTER | {"site_id": "elsewhere"}, "site_id"),
            (Counter, COUNTER | {"institution_id": "elsewhere"}, "institution_id"),
            (Service, SERVICE | {"counter_id": "elsewhere", "prefix": "Z"}, "counter_id"),
            (Desk, DESK | {"service_ids": ["elsewhere"]}, "service_ids"),
        ],
    )
    async def test_an_unknown_parent_is_named(self, registrar, storage, kind, stated, field) -> None:
        await registrar.opens_mall()
        before = len(storage.outbox)
        with pytest.raises(UnableToRefer) as refused:
            await registrar.registers(kind, "new", stated)
        assert (refused.value.code, refused.value.field) == ("unknown_reference", field)
        assert len(storage.outbox) == before

    async def test_a_desk_serves_only_its_own_counter(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        await registrar.registers(Counter, "bri", COUNTER)
        with pytest.raises(UnableToRefer) as refused:
            await registrar.registers(Desk, "bri-1", DESK | {"counter_id": "bri"})
        assert refused.value.code == "other_counter"

    async def test_a_counter_does_not_move(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        await registrar.registers(Institution, "bri", INSTITUTION | {"kind": "state_enterprise"})
        with pytest.raises(UnableToRegister) as refused:
            await registrar.replaces(Counter, "dpmptsp", COUNTER | {"institution_id": "bri"})
        assert refused.value.code == "cannot_move"

    async def test_a_parent_with_active_children_is_not_withdrawn(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        for kind, id in ((Site, "mpp"), (Institution, "dpmptsp"), (Counter, "dpmptsp")):
            with pytest.raises(UnableToRegister) as refused:
                await registrar.withdraws(kind, id)
            assert refused.value.code == "still_in_use"

    async def test_nothing_new_hangs_on_a_withdrawn_parent(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        for kind, id in ((Service, "nib"), (Desk, "loket-1"), (Counter, "dpmptsp")):
            await registrar.withdraws(kind, id)
        with pytest.raises(UnableToRegister) as refused:
            await registrar.registers(Service, "sip", SERVICE | {"prefix": "B"})
        assert refused.value.code == "parent_withdrawn"

    async def test_a_refusal_speaks_the_readers_language(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        moved = COUNTER | {"institution_id": "bri"}
        await registrar.registers(Institution, "bri", INSTITUTION | {"kind": "state_enterprise"})
        refusing: list[Coroutine[Any, Any, Any]] = [
            registrar.registers(Counter, "dpmptsp", COUNTER),
            registrar.registers(Counter, "bpd", COUNTER | {"institution_id": "nobody"}),
            registrar.replaces(Counter, "dpmptsp", moved),
            registrar.withdraws(Institution, "dpmptsp"),
            registrar.withdraws(Desk, "nowhere"),
        ]
        said = []
        for one in refusing:
            with pytest.raises(Refusal) as refused:
                await one
            said.append((refused.value.text("id"), refused.value.text("en")))
        assert said == [
            (
                "Kode dpmptsp sudah dipakai; pilih kode lain.",
                "The id dpmptsp is already used; choose another.",
            ),
            ("Data instansi nobody tidak ditemukan.", "The institution nobody does not exist."),
            (
                "Isian instansi tidak dapat diganti; nonaktifkan data ini dan daftarkan yang baru.",
                "The institution cannot change; withdraw this entry and register a new one.",
            ),
            (
                "Masih ada gerai aktif (dpmptsp) yang bergantung pada data ini.",
                "An active counter (dpmptsp) still depends on this entry.",
            ),
            ("Data loket tidak ditemukan.", "This desk does not exist."),
        ]
        assert refused.value.details["what"] == "desk", "what a program reads stays the code's word"

    def test_every_kind_of_entry_has_a_word_in_both_languages(self) -> None:
        for section in SECTIONS:
            word = section.kind.word
            assert word == section.kind.__name__.lower()
            assert word.localized.id != Aggregate.word.localized.id

    async def test_a_counter_withdrawn_while_a_service_joins_it_leaves_no_orphan(
        self, registrar: Registrar
    ) -> None:
        await registrar.opens_mall()
        await registrar.withdraws(Service, "nib")
        await registrar.withdraws(Desk, "loket-1")
        outcomes = await asyncio.gather(
            registrar.withdraws(Counter, "dpmptsp"),
            registrar.registers(Service, "sip", SERVICE | {"prefix": "B"}),
            return_exceptions=True,
        )
        assert sum(isinstance(one, UnableToRegister) for one in outcomes) == 1


class TestPrefixes:
    async def test_two_services_of_a_site_never_share_one(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        outcomes = await asyncio.gather(
            *(registrar.registers(Service, f"s{n}", SERVICE | {"prefix": "C"}) for n in range(5)),
            return_exceptions=True,
        )
        refused = [one for one in outcomes if isinstance(one, UnableToRegister)]
        assert [one.code for one in refused] == ["prefix_taken"] * 4

    async def test_another_site_may_use_it_again(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        await registrar.registers(Site, "mpp-2", SITE)
        await registrar.registers(Counter, "second", COUNTER | {"site_id": "mpp-2"})
        await registrar.registers(Service, "nib-2", SERVICE | {"counter_id": "second"})
        assert (await registrar.reads(Service, "nib-2")).site_id == "mpp-2"

    async def test_a_withdrawn_service_gives_it_back(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        await registrar.withdraws(Service, "nib")
        await registrar.registers(Service, "sip", SERVICE)
        with pytest.raises(UnableToRegister):
            await registrar.replaces(Service, "nib", SERVICE)


class TestTenants:
    async def test_another_regency_sees_and_changes_nothing(self, registrar, storage) -> None:
        await registrar.opens_mall()
        stranger = Registrar(storage, registrar.commit, tenant="muna")
        for kind, id, stated in MALL:
            with pytest.raises(UnableToFind):
                await stranger.reads(kind, id)
            with pytest.raises(UnableToFind):
                await stranger.replaces(kind, id, stated, version=1)

    async def test_another_regency_cannot_take_over_an_id(self, registrar, storage) -> None:
        await registrar.opens_mall()
        stranger = Registrar(storage, registrar.commit, tenant="muna")
        with pytest.raises(UnableToRegister) as refused:
            await stranger.registers(Site, "mpp", SITE)
        assert refused.value.code == "id_taken"
        assert (await registrar.reads(Site, "mpp")).tenant == "muna-barat"

    async def test_who_has_a_taken_id_makes_no_difference_to_the_answer(self, registrar, storage) -> None:
        await registrar.opens_mall()
        stranger = Registrar(storage, registrar.commit, tenant="muna")
        answers = []
        for one in (registrar, stranger):
            with pytest.raises(UnableToRegister) as refused:
                await one.registers(Site, "mpp", SITE)
            told = refused.value
            answers.append((told.kind, told.code, told.field, told.details, told.text("id"), told.text("en")))
        assert answers[0] == answers[1]

    async def test_another_regencys_site_is_no_parent(self, registrar, storage) -> None:
        await registrar.opens_mall()
        stranger = Registrar(storage, registrar.commit, tenant="muna")
        await stranger.registers(Institution, "bri", INSTITUTION)
        with pytest.raises(UnableToRefer):
            await stranger.registers(Counter, "bri", COUNTER | {"institution_id": "bri"})
