"""A unique key that is taken: every storage says which, and a command is told what the domain says of it."""

import asyncio

import pytest
from messaging_builders import Jar, Label, Tally, UnableToFill, context, event, idempotency_key

from gerai.messaging.group_commit import Command, GroupCommit
from gerai.messaging.refusal import UnableToAdd
from gerai.messaging.storage import Batch, IdempotencyKey, KeyKind, KeyTaken, Storage, StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork


def jar(id: str) -> Jar:
    return Jar(id=id, tenant="muna-barat", version=1)


class TestTakenKeys:
    async def test_each_is_named_by_its_collection_and_index(self, storage: Storage) -> None:
        label = Label(id="l1", tenant="muna-barat", version=1, text="a")
        tally = Tally(id="t1", tenant="muna-barat", version=1, count=91)
        answer = StoredAnswer(body=b"")
        inbox = IdempotencyKey(kind=KeyKind.INBOX, key="g:1")
        before = Batch(added=[jar("j1"), label, tally], outbox=[event("a", version=1)])
        before.idempotency_keys = [(idempotency_key("k"), answer), (inbox, answer)]
        await storage.commit(before)
        other = Label(id="l2", tenant="muna-barat", version=1, text="b")
        await storage.commit(Batch(added=[other]))
        moved = other.model_copy(update={"version": 2, "text": "a"})
        for batch, named in (
            (Batch(added=[jar("j1")]), ("jars", "_id_")),
            (Batch(added=[label.model_copy(update={"id": "l3"})]), ("labels", "tenant_1_text_1")),
            (Batch(changed=[(moved, other)]), ("labels", "tenant_1_text_1")),
            (Batch(added=[tally.model_copy(update={"id": "t2"})]), ("tallies", "tenant_1_count_1")),
            (Batch(outbox=[event("a", version=1)]), ("outbox", "event")),
            (Batch(idempotency_keys=[(idempotency_key("k"), answer)]), ("outbox", "_id_")),
            (Batch(idempotency_keys=[(inbox, answer)]), ("inbox", "_id_")),
        ):
            with pytest.raises(KeyTaken) as taken:
                await storage.commit(batch)
            assert (taken.value.collection, taken.value.index) == named
            assert taken.value.key
        both_free = [Label(id=f"n{n}", tenant="muna-barat", version=1) for n in (1, 2)]
        await storage.commit(Batch(added=[*both_free, Tally(id="t3", tenant="muna-barat", version=1)]))

    async def test_a_command_is_told_what_the_domain_says_of_it_or_which_index_it_was(
        self, storage: Storage
    ) -> None:
        label = Label(id="l1", tenant="muna-barat", version=1, text="a")
        tally = Tally(id="t1", tenant="muna-barat", version=1, count=91)
        await storage.commit(Batch(added=[label, tally]))

        def adding(new: Label | Tally | Jar) -> Command:
            async def add(uow: UnitOfWork) -> None:
                uow.add(new.model_copy(update={"version": 0}))

            return add

        news = (
            Label(id="l2", tenant="muna-barat", text="a"),
            Tally(id="t2", tenant="muna-barat", count=91),
            Label(id="l1", tenant="muna-barat", text="c"),
            Label(id="l3", tenant="muna-barat", text="d"),
        )
        async with GroupCommit(storage, source="test") as commit:
            full, named, id_taken, added = await asyncio.gather(
                *(commit.execute(adding(new), context=context()) for new in news), return_exceptions=True
            )
        assert isinstance(full, UnableToFill)
        assert isinstance(named, KeyTaken)
        assert named.index == "tenant_1_count_1"
        assert isinstance(id_taken, UnableToAdd)
        assert added is None
        assert len(await storage.fetch({Label: ["l2", "l3"], Tally: ["t2"]})) == 1
