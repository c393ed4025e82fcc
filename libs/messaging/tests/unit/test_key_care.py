"""Keys are wrapped anew while commands go on, hashes go with their person, and what a process remembers ends soon."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from messaging_builders import NOON, context, sample
from personal_cards import Card, card

from gerai.chassis.testing import eventually
from gerai.messaging.forgetting import forget_subject
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.key_care import KeyCare, hashes_of
from gerai.messaging.memory.key_rows import MemoryKeyRows
from gerai.messaging.memory.keys import MemoryWrappingKeys
from gerai.messaging.memory.relaying import MemoryLease, MemoryLeases
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.personal import FORGOTTEN
from gerai.messaging.sealing import UnknownWrappingKey
from gerai.messaging.subject_keys import SubjectKey
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.messaging.vault import REMEMBERED_S, Vault


class Registry:
    """A store with its keys and what takes care of them."""

    def __init__(self) -> None:
        self.keys = MemoryWrappingKeys("2026-01-01")
        self.storage = MemoryStorage(keys=self.keys)
        self.commit = GroupCommit(self.storage, source="test")
        self.leases = MemoryLeases()
        self.now = 0.0

    def care(self, token: str = "a") -> KeyCare:
        return KeyCare(
            MemoryKeyRows(self.storage),
            self.keys,
            hashes_of([Card]),
            commit=self.commit,
            lease=MemoryLease(self.leases, "keys", token, seconds=10.0),
        )

    async def add(self, *cards: Card) -> None:
        async def command(uow: UnitOfWork) -> None:
            for one in cards:
                uow.add(one)

        await self.commit.execute(command, context=context(None))

    async def forget(self, subject: str) -> None:
        async def command(uow: UnitOfWork) -> None:
            await forget_subject(subject, tenant="muna-barat", uow=uow, at=NOON)

        await self.commit.execute(command, context=context())

    def wrapped_with(self) -> set[str | None]:
        rows = self.storage.aggregates[SubjectKey].documents.values()
        return {row["wrapped_with"] for row in rows if "wrapped_with" in row}

    async def names(self, storage: MemoryStorage | None = None) -> dict[str, object]:
        there = self.storage.aggregates[Card].documents
        found = await (storage or self.storage).fetch({Card: list(there)})
        return {one.id: one.name for one in found if isinstance(one, Card)}


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    registry = Registry()
    async with registry.commit:
        yield registry


class TestRewrapping:
    async def test_goes_over_all_keys_and_the_old_one_can_be_taken_away(self, registry: Registry) -> None:
        await registry.add(*(card(f"c{n}", party_id=f"p{n}") for n in range(130)))
        registry.keys.add("2026-06-01")
        await registry.care().turn()
        assert registry.wrapped_with() == {"2026-06-01"}
        assert sample("gerai_keys_to_rewrap") == 0
        del registry.keys.held["2026-01-01"]
        registry.storage.vault._remembered.clear()
        assert set((await registry.names()).values()) == {"Wa Ode"}

    async def test_commands_go_on_meanwhile_and_nothing_is_lost(self, registry: Registry) -> None:
        await registry.add(*(card(f"c{n}", party_id=f"p{n}") for n in range(60)))
        registry.keys.add("2026-06-01")

        async def forgets() -> None:
            for n in range(0, 60, 3):
                await registry.forget(f"p{n}")

        async def add_for_the_living() -> None:
            for n in range(1, 60, 3):
                await registry.add(
                    card(f"d{n}", party_id=f"p{n}", name="second"), card(f"e{n}", party_id=f"q{n}")
                )

        await asyncio.gather(registry.care().turn(), forgets(), add_for_the_living())
        await registry.care().turn()
        assert registry.wrapped_with() == {"2026-06-01"}
        registry.storage.vault._remembered.clear()
        names = await registry.names()
        assert {id for id, name in names.items() if name is FORGOTTEN} == {f"c{n}" for n in range(0, 60, 3)}
        assert {names[f"d{n}"] for n in range(1, 60, 3)} == {"second"}

    async def test_goes_on_behind_what_another_process_has_done(self, registry: Registry) -> None:
        await registry.add(*(card(f"c{n}", party_id=f"p{n}") for n in range(120)))
        registry.keys.add("2026-06-01")
        first = asyncio.create_task(registry.care("a").turn())

        async def wrapped_with() -> set[str | None]:
            return registry.wrapped_with()

        await eventually(
            wrapped_with, lambda seen: "2026-06-01" in seen, because="the first step is done", every=0
        )
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert registry.wrapped_with() == {"2026-01-01", "2026-06-01"}
        registry.leases.now += 60
        done_before = sample("gerai_keys_rewrapped_total")
        await registry.care("b").turn()
        assert registry.wrapped_with() == {"2026-06-01"}
        assert sample("gerai_keys_rewrapped_total") - done_before < 120

    async def test_a_key_that_does_not_open_keeps_no_other_from_its_turn(self, registry: Registry) -> None:
        await registry.add(card("c1", party_id="p1"), card("c2", party_id="p2"))
        registry.storage.aggregates[SubjectKey].documents["muna-barat:p1"]["wrapped"] = b"\x01damaged"
        registry.keys.add("2026-06-01")
        await registry.care().turn()
        rows = registry.storage.aggregates[SubjectKey].documents
        assert rows["muna-barat:p2"]["wrapped_with"] == "2026-06-01"
        assert sample("gerai_keys_to_rewrap") == 1

    async def test_a_key_encryption_key_that_is_missing_is_named_and_nobody_is_taken_for_forgotten(
        self, registry: Registry
    ) -> None:
        await registry.add(card())
        del registry.keys.held["2026-01-01"]
        registry.keys.add("2026-06-01")
        registry.storage.vault._remembered.clear()
        with pytest.raises(UnknownWrappingKey, match="2026-01-01"):
            await registry.names()


class TestSweeping:
    async def test_hashes_go_with_their_person_and_no_others(self, registry: Registry) -> None:
        await registry.add(
            card("c1", number="1"), card("c2", number="2"), card("c3", number="3", party_id="p2")
        )
        await registry.forget("p1")
        documents = registry.storage.aggregates[Card].documents
        assert all("number_hash" in one for one in documents.values())
        await registry.care().turn()
        assert [id for id, one in documents.items() if "number_hash" in one] == ["c3"]
        assert registry.storage.aggregates[SubjectKey].documents["muna-barat:p1"]["swept"] is True


class TestRemembering:
    async def test_a_destroyed_key_opens_nothing_after_the_time_that_is_stated(
        self, registry: Registry
    ) -> None:
        """In another process, which used it just before."""
        await registry.add(card())
        elsewhere = MemoryStorage()
        elsewhere.aggregates = registry.storage.aggregates
        elsewhere.vault = Vault(elsewhere._key_rows, registry.keys, now=lambda: registry.now)
        assert await registry.names(elsewhere) == {"c1": "Wa Ode"}
        await registry.forget("p1")
        registry.now = REMEMBERED_S - 0.1
        assert await registry.names(elsewhere) == {"c1": "Wa Ode"}
        registry.now = REMEMBERED_S
        assert await registry.names(elsewhere) == {"c1": FORGOTTEN}

    async def test_only_so_many_are_remembered(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gerai.messaging.vault.REMEMBERED", 5)
        await registry.add(*(card(f"c{n}", party_id=f"p{n}") for n in range(20)))
        assert len(await registry.names()) == 20
        assert len(registry.storage.vault._remembered) == 5
