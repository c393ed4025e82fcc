"""Fields that are encrypted for one person: the twin and MongoDB keep them alike."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from messaging_builders import NOON, UnableToFill, context, idempotency_key
from personal_cards import Address, Card, CardShown, card
from personal_store import later, raw, tamper

from gerai.messaging.cipher import Unopenable
from gerai.messaging.forgetting import forget_subject
from gerai.messaging.forgotten import apply, listed
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.key_care import KeyCare, KeyRows, hashes_of
from gerai.messaging.memory.key_rows import MemoryKeyRows
from gerai.messaging.memory.keys import MemoryWrappingKeys
from gerai.messaging.memory.relaying import MemoryLease, MemoryLeases
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.key_rows import MongoKeyRows
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.personal import FORGOTTEN
from gerai.messaging.refusal import UnableToRepeat
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Storage, StoredAnswer
from gerai.messaging.subject_keys import SubjectKey, UnableToKeepPersonalData
from gerai.messaging.unit_of_work import UnitOfWork

NIK = "7413054107900001"


@pytest.fixture
async def commit(storage: Storage) -> AsyncIterator[GroupCommit]:
    async with GroupCommit(storage, source="test") as commit:
        yield commit


async def add(commit: GroupCommit, *cards: Card) -> None:
    async def command(uow: UnitOfWork) -> None:
        for one in cards:
            uow.add(one.model_copy())

    await commit.execute(command, context=context(None))


async def forget(commit: GroupCommit, subject: str = "p1", *, tenant: str = "muna-barat") -> None:
    async def command(uow: UnitOfWork) -> None:
        await forget_subject(subject, tenant=tenant, uow=uow, at=NOON)

    await commit.execute(command, context=context(tenant))


def note(text: str, id: str = "c1") -> Any:
    async def command(uow: UnitOfWork) -> StoredAnswer:
        found = await uow.get(Card, id)
        found.note = text
        return StoredAnswer(body=str(found.name).encode(), headers={"status": "200"})

    return command


def search(number: Any, **more: Any) -> Selection[Card]:
    return Selection(kind=Card, where={"number": number}, tenant="muna-barat", **more)


async def found(storage: Storage, id: str = "c1") -> Card:
    (one,) = await later(storage).fetch({Card: [id]})
    assert isinstance(one, Card)
    return one


class TestKeeping:
    async def test_what_is_kept_comes_back_and_stands_nowhere_in_clear(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        kept = card(number=NIK, address=Address(street="Jalan Laworo", number=7))
        await add(commit, kept)
        one = await found(storage)
        assert (one.name, one.number, one.address) == (kept.name, kept.number, kept.address)
        whole = repr(await raw(storage, "cards", "c1")) + repr(
            await raw(storage, "subject_keys", "muna-barat:p1")
        )
        for part in ("Wa Ode", NIK, "Laworo"):
            assert part not in whole

        assert "Wa Ode" not in repr(one) + str(one)

    async def test_equal_values_look_different(self, storage: Storage, commit: GroupCommit) -> None:
        await add(commit, card("c1"), card("c2"))
        one, other = await raw(storage, "cards", "c1"), await raw(storage, "cards", "c2")
        assert one["name"] != other["name"]
        before = await raw(storage, "cards", "c1")
        await commit.execute(note("new"), context=context())
        assert (await raw(storage, "cards", "c1"))["name"] == before["name"], (
            "what has not changed is left alone"
        )

    async def test_a_value_that_changes_and_one_that_goes(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card(number=NIK, address=Address(street="a")))

        async def change(uow: UnitOfWork) -> None:
            one = await uow.get(Card, "c1")
            one.name, one.number, one.address = "La Ode", None, Address(street="b")

        await commit.execute(change, context=context())
        one = await found(storage)
        assert (one.name, one.number, one.address) == ("La Ode", None, Address(street="b"))
        assert not {"number", "number_hash"} & (await raw(storage, "cards", "c1")).keys()

    async def test_what_gets_another_person_gets_that_persons_key(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card())

        async def hand_over(uow: UnitOfWork) -> None:
            (await uow.get(Card, "c1")).party_id = "p2"

        await commit.execute(hand_over, context=context())
        await forget(commit, "p1")
        assert (await found(storage)).name == "Wa Ode"
        await forget(commit, "p2")
        assert (await found(storage)).name is FORGOTTEN

    async def test_a_part_is_opened_too(self, storage: Storage, commit: GroupCommit) -> None:
        await add(commit, card())
        (shown,) = await storage.select([Selection(kind=CardShown, where={}, tenant="muna-barat")])
        assert [one.name for one in shown] == ["Wa Ode"]

    async def test_one_person_has_one_key_however_many_begin_at_once(self, storage: Storage) -> None:
        """Of two processes one wins, and what the other wrote is readable."""
        async with GroupCommit(storage, source="a") as one, GroupCommit(storage, source="b") as two:
            await asyncio.gather(
                *(add(process, card(f"c{n}", name=f"name {n}")) for n, process in enumerate([one, two] * 8))
            )
        for n in range(16):
            assert (await found(storage, f"c{n}")).name == f"name {n}"
        (key,) = await storage.fetch({SubjectKey: ["muna-barat:p1"]})
        assert key.version == 1

    async def test_a_refused_command_leaves_no_key(self, storage: Storage, commit: GroupCommit) -> None:
        async def refused(uow: UnitOfWork) -> None:
            uow.add(card())
            raise UnableToFill("full")

        with pytest.raises(UnableToFill):
            await commit.execute(refused, context=context())
        assert await storage.fetch({SubjectKey: ["muna-barat:p1"]}) == []


class TestSwapping:
    """Whoever can write to the store cannot give one person's data to another."""

    @pytest.mark.parametrize(
        ("into", "field"),
        [
            (card("c2"), "name"),
            (card("c2", party_id="p2"), "name"),
            (card("c2", tenant="muna"), "name"),
            (card("c1"), "number"),
        ],
        ids=["another document", "another person", "another regency", "another field"],
    )
    async def test_a_moved_value_does_not_open(
        self, storage: Storage, commit: GroupCommit, into: Card, field: str
    ) -> None:
        await add(commit, card("c1", number=NIK))
        if into.id != "c1":
            await add(commit, into)
        moved = (await raw(storage, "cards", "c1"))["name"]
        await tamper(storage, Card, into.id, {field: moved})
        with pytest.raises(Unopenable) as said:
            await found(storage, into.id)
        assert "Wa Ode" not in str(said.value)

    async def test_another_persons_key_in_the_row_does_not_open(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card("c1"), card("c2", party_id="p2"))
        other = (await raw(storage, "subject_keys", "muna-barat:p2"))["wrapped"]
        await tamper(storage, SubjectKey, "muna-barat:p1", {"wrapped": other})
        with pytest.raises(Unopenable):
            await found(storage)


class TestSearching:
    async def test_an_equal_value_is_found_however_it_is_written(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card("c1", number="dt 1 ab"), card("c2", number="DT 2", party_id="p2"), card("c3"))
        for asked, ids in ((" DT 1 AB ", ["c1"]), ({"$in": ("dt 2", "x")}, ["c2"]), ("dt 3", [])):
            (ones,) = await later(storage).select([search(asked)])
            assert [one.id for one in ones] == ids

    async def test_it_is_found_by_what_the_same_group_has_written(self, commit: GroupCommit) -> None:
        async def command(uow: UnitOfWork) -> None:
            uow.add(card(number="dt 1"))
            assert [one.id for one in await uow.select(search("DT 1"))] == ["c1"]

        await commit.execute(command, context=context())

    async def test_a_unique_one_is_kept_once(self, commit: GroupCommit) -> None:
        await add(commit, card("c1", number=NIK))
        await add(commit, card("c2", number=NIK, tenant="muna"), card("c3"), card("c4"))
        with pytest.raises(UnableToFill):
            await add(commit, card("c5", number=NIK, party_id="p2"))

    @pytest.mark.parametrize(
        "selection",
        [
            search({"$gt": "a"}),
            search(None),
            Selection(kind=Card, where={"name": "Wa Ode"}, tenant="muna-barat"),
            Selection(kind=Card, where={}, order=(("name", 1),), tenant="muna-barat"),
            Selection(kind=Card, where={"number": NIK}, tenant="*"),
        ],
        ids=["greater", "none", "not searchable", "order", "every regency"],
    )
    async def test_nothing_else_can_be_asked(self, storage: Storage, selection: Selection[Card]) -> None:
        with pytest.raises(ValueError, match=r"encrypted|regency"):
            await storage.select([selection])


class TestForgetting:
    async def test_every_field_is_a_mask_and_lists_go_on(self, storage: Storage, commit: GroupCommit) -> None:
        await add(commit, card("c1", number=NIK), card("c2", party_id="p2", name="La Ode"))
        await forget(commit)
        (ones,) = await later(storage).select([Selection(kind=Card, where={}, tenant="muna-barat")])
        assert [(one.name, one.number) for one in ones] == [(FORGOTTEN, FORGOTTEN), ("La Ode", None)]
        assert str(FORGOTTEN) == "(dihapus)"
        assert not {"wrapped", "wrapped_with"} & (await raw(storage, "subject_keys", "muna-barat:p1")).keys()

    async def test_what_is_forgotten_can_still_be_changed_in_other_ways(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card())
        before = (await raw(storage, "cards", "c1"))["name"]
        await forget(commit)
        later(storage)
        await commit.execute(note("archived"), context=context())
        one = await found(storage)
        assert (one.note, one.name) == ("archived", FORGOTTEN)
        assert (await raw(storage, "cards", "c1"))["name"] == before

    async def test_a_field_that_is_given_up_is_gone_at_once(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card(number=NIK))

        async def give_up(uow: UnitOfWork) -> None:
            one = await uow.get(Card, "c1")
            one.name = one.number = FORGOTTEN

        await commit.execute(give_up, context=context())
        document = await raw(storage, "cards", "c1")
        assert document["name"] == document["number"] == b""
        assert "number_hash" not in document
        assert (await found(storage)).name is FORGOTTEN

    async def test_nothing_more_is_kept_of_who_was_forgotten(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        """Also where another process still remembers the key."""
        await add(commit, card())
        assert (await found(storage)).name == "Wa Ode"
        await forget(commit)
        for new in (card("c2"), card("c3", party_id="never-seen")):
            if new.party_id != "p1":
                await forget(commit, new.party_id)
            with pytest.raises(UnableToKeepPersonalData):
                await add(commit, new)

    async def test_another_regencys_person_with_the_same_id_stays(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card("c1"), card("c2", tenant="muna"))
        await forget(commit, tenant="muna")
        assert (await found(storage)).name == "Wa Ode"

    async def test_twice_is_once(self, storage: Storage, commit: GroupCommit) -> None:
        await add(commit, card())
        await forget(commit)
        before = await raw(storage, "subject_keys", "muna-barat:p1")
        await forget(commit)
        assert await raw(storage, "subject_keys", "muna-barat:p1") == before

    async def test_a_kept_answer_cannot_be_read_any_more(self, storage: Storage, commit: GroupCommit) -> None:
        await add(commit, card())
        key = idempotency_key("k1")

        async def ask() -> StoredAnswer | None:
            return await commit.execute(note("asked"), context=context(), idempotency_key=key)

        first, again = await ask(), await ask()
        assert first is not None and again is not None
        assert (first.body, again.body, again.headers) == (b"Wa Ode", b"Wa Ode", first.headers)
        assert again.repeated
        (kept,) = (await storage.answers([key])).values()
        assert kept.body == b"Wa Ode"
        row = (
            storage.idempotency_keys["idempotency", "k1"].body
            if isinstance(storage, MemoryStorage)
            else (await raw(storage, "outbox", "k1"))["body"]
        )
        assert b"Wa Ode" not in row
        await forget(commit)
        later(storage)
        with pytest.raises(UnableToRepeat) as refused:
            await ask()
        assert refused.value.code == "answer_forgotten"

    async def test_a_document_of_a_backup_from_before_cannot_be_read(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, card(number=NIK))
        backup = await raw(storage, "cards", "c1")
        await forget(commit)
        await tamper(storage, Card, "c1", backup)
        assert (await found(storage)).name is FORGOTTEN


class TestKeyCare:
    async def test_keys_are_wrapped_anew_and_hashes_of_who_was_forgotten_go(
        self, storage: Storage, commit: GroupCommit
    ) -> None:
        await add(commit, *(card(f"c{n:02}", party_id=f"p{n}", number=str(n)) for n in range(60)))
        await forget(commit, "p7")
        keys = storage.vault.wrapping
        assert isinstance(keys, MemoryWrappingKeys)
        keys.add("2026-06-01")
        await asyncio.gather(
            care(storage, keys, commit).turn(),
            add(commit, *(card(f"d{n:02}", party_id=f"p{n}", name="second") for n in range(20, 40))),
        )
        assert await rows_of(storage).count_wrapped_otherwise("2026-06-01") == 0
        del keys.held["2026-01-01"]
        later(storage)
        (all_of_them,) = await storage.select([Selection(kind=Card, where={}, tenant="muna-barat")])
        assert [one.id for one in all_of_them if one.name is FORGOTTEN] == ["c07"]
        assert {one.name for one in all_of_them if one.id.startswith("d")} == {"second"}
        for id, has_a_hash in (("c07", False), ("c08", True)):
            assert ("number_hash" in await raw(storage, "cards", id)) is has_a_hash
        assert await rows_of(storage).unswept(9) == []

    async def test_the_rows_come_in_steps(self, storage: Storage, commit: GroupCommit) -> None:
        await add(commit, *(card(f"c{n}", party_id=f"p{n}") for n in range(5)))
        rows = rows_of(storage)
        first = await rows.wrapped_otherwise("other", beyond="", limit=3)
        rest = await rows.wrapped_otherwise("other", beyond=first[-1], limit=3)
        assert [*first, *rest] == [f"muna-barat:p{n}" for n in range(5)]
        assert await rows.wrapped_otherwise("2026-01-01", beyond="", limit=3) == []


def rows_of(storage: Storage) -> KeyRows:
    if isinstance(storage, MemoryStorage):
        return MemoryKeyRows(storage)
    assert isinstance(storage, MongoStorage)
    return MongoKeyRows(storage._database)


def care(storage: Storage, keys: MemoryWrappingKeys, commit: GroupCommit) -> KeyCare:
    lease = MemoryLease(MemoryLeases(), "keys", "a", seconds=60.0)
    return KeyCare(rows_of(storage), keys, hashes_of([Card]), commit=commit, lease=lease)


@pytest.mark.parametrize("storage", ["motor", "pymongo"], indirect=True)
async def test_who_was_forgotten_is_forgotten_again_after_a_restore(
    storage: Storage, commit: GroupCommit
) -> None:
    """A backup of the whole database from before holds the key, too."""
    assert isinstance(storage, MongoStorage)
    database = storage._database
    await add(commit, card())
    backup = await raw(storage, "subject_keys", "muna-barat:p1")
    await forget(commit)
    kept_elsewhere = await listed(database)
    await database["subject_keys"].replace_one({"_id": backup["_id"]}, backup)
    assert (await found(storage)).name == "Wa Ode", "that is what the list is for"
    assert await apply(database, kept_elsewhere) == 1
    assert (await found(storage)).name is FORGOTTEN
    assert await listed(database) == kept_elsewhere
    assert "Wa Ode" not in "".join(kept_elsewhere)
