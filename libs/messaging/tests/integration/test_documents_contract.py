"""Documents of several versions of a service, side by side: the twin and MongoDB do the same with them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from messaging_builders import Jar, context

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mapping import NewerDocument
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Batch, Storage
from gerai.messaging.unit_of_work import UnitOfWork

PEOPLE = "people"


class PersonBefore(Aggregate):
    """As the version before knows it."""

    collection: ClassVar[str] = PEOPLE
    name: str
    visits: int = 0


class PersonWithMore(PersonBefore):
    """A version that has added a field: no new form."""

    nickname: str | None = None


def split_name(document: dict[str, Any]) -> dict[str, Any]:
    document["given"], _, document["family"] = document.pop("name").partition(" ")
    return document


class Person(Aggregate):
    """A version with another form."""

    collection: ClassVar[str] = PEOPLE
    schema_number: ClassVar[int] = 2
    upgrades: ClassVar[Any] = {1: split_name}
    given: str
    family: str
    visits: int = 0


class FamilyName(Aggregate):
    """For looking at."""

    collection: ClassVar[str] = PEOPLE
    part_of = Person
    family: str


class Bill(Aggregate):
    collection: ClassVar[str] = "bills"
    due: date
    fee: Decimal


async def keep(storage: Storage, kind: type[Aggregate], **document: Any) -> None:
    """A document as another version wrote it."""
    if isinstance(storage, MemoryStorage):
        storage.aggregates[kind].documents[document["_id"]] = document
    else:
        assert isinstance(storage, MongoStorage)
        await storage._database[kind.collection].insert_one(document)


async def kept(storage: Storage, kind: type[Aggregate], id: str) -> Mapping[str, Any]:
    if isinstance(storage, MemoryStorage):
        return storage.aggregates[kind].documents[id]
    assert isinstance(storage, MongoStorage)
    found: Mapping[str, Any] = await storage._database[kind.collection].find_one({"_id": id})
    return found


OLD = {"_id": "a", "tenant": "muna-barat", "version": 3, "position": 0, "name": "Wa Ode", "visits": 1}


def visiting(kind: Any, id: str = "a") -> Any:
    async def command(uow: UnitOfWork) -> None:
        (await uow.get(kind, id)).visits += 1

    return command


class TestTwoVersionsSideBySide:
    async def test_a_field_that_one_has_added_survives_the_others_writes(self, storage: Storage) -> None:
        await keep(storage, PersonBefore, **OLD, nickname="Ode")
        async with GroupCommit(storage, source="before") as commit:
            await commit.execute(visiting(PersonBefore), context=context())
        now = await kept(storage, PersonBefore, "a")
        assert (now["visits"], now["version"], now["nickname"]) == (2, 4, "Ode")
        assert PersonWithMore.from_document(dict(now)).nickname == "Ode"

    async def test_an_earlier_form_is_read_in_the_present_one_and_stays_until_it_changes(
        self, storage: Storage
    ) -> None:
        await keep(storage, Person, **OLD)
        (found,) = await storage.fetch({Person: ["a"]})
        assert isinstance(found, Person)
        assert (found.given, found.family) == ("Wa", "Ode")
        assert await kept(storage, Person, "a") == OLD

    async def test_a_change_writes_the_present_form_whole(self, storage: Storage) -> None:
        await keep(storage, Person, **OLD, of_a_third="kept")
        async with GroupCommit(storage, source="now") as commit:
            await commit.execute(visiting(Person), context=context())
        now = {**await kept(storage, Person, "a")}
        assert now.pop("version") == 4
        assert now == {
            "_id": "a",
            "tenant": "muna-barat",
            "position": 0,
            "given": "Wa",
            "family": "Ode",
            "visits": 2,
            "schema": 2,
            "of_a_third": "kept",
        }

    async def test_who_does_not_know_the_form_refuses_by_name_and_changes_nothing(
        self, storage: Storage
    ) -> None:
        await storage.commit(Batch(added=[Jar(id="j", tenant="muna-barat", version=1)]))
        newer = {**OLD, "schema": 3, "title": "?"}
        await keep(storage, Person, **newer)

        async def fill(uow: UnitOfWork) -> None:
            (await uow.get(Jar, "j")).fill()

        async with GroupCommit(storage, source="now") as commit:
            refused, *_ = await asyncio.gather(
                commit.execute(visiting(Person), context=context()),
                *(commit.execute(fill, context=context()) for _ in range(2)),
                return_exceptions=True,
            )
        assert isinstance(refused, NewerDocument)
        assert await kept(storage, Person, "a") == newer
        (jar,) = await storage.fetch({Jar: ["j"]})
        assert isinstance(jar, Jar) and jar.filled == 2, "who came with it is not harmed"

    async def test_a_part_of_an_earlier_form_is_read_in_the_present_one(self, storage: Storage) -> None:
        await keep(storage, Person, **OLD)
        await storage.commit(
            Batch(added=[Person(id="b", tenant="muna-barat", version=1, given="La", family="Ode")])
        )
        (found,) = await storage.select([Selection(kind=FamilyName, where={}, tenant="muna-barat")])
        assert [(one.id, one.family) for one in found] == [("a", "Ode"), ("b", "Ode")]


class TestSelections:
    @pytest.fixture
    async def bills(self, storage: Storage) -> Storage:
        made = [
            Bill(id=id, tenant="muna-barat", version=1, due=date(2026, 12, day), fee=Decimal(fee))
            for id, day, fee in (("a", 9, "1000000"), ("b", 10, "250000.50"), ("c", 11, "9.9"))
        ]
        await storage.commit(Batch(added=made))
        return storage

    async def test_find_and_order_by_days(self, bills: Storage) -> None:
        until = Selection(
            kind=Bill,
            where={"due": {"$lte": date(2026, 12, 10)}},
            order=(("due", -1),),
            tenant="muna-barat",
        )
        (found,) = await bills.select([until])
        assert [(one.id, one.due) for one in found] == [("b", date(2026, 12, 10)), ("a", date(2026, 12, 9))]

    async def test_find_and_order_by_amounts_as_numbers(self, bills: Storage) -> None:
        more = Selection(
            kind=Bill, where={"fee": {"$gt": Decimal(10)}}, order=(("fee", 1),), tenant="muna-barat"
        )
        (found,) = await bills.select([more])
        assert [(one.id, str(one.fee)) for one in found] == [("b", "250000.50"), ("a", "1000000")]
        equal = replace(more, where={"fee": {"$in": (Decimal("9.90"),)}})
        (found,) = await bills.select([equal])
        assert [one.id for one in found] == ["c"]
