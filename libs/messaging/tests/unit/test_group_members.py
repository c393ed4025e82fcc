"""What one member of a group does wrong stays with it, also while its changes are brought into the store's form."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from messaging_builders import NOON, Jar, context, idempotency_key

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.group_commit import Command, GroupCommit, Needs
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Batch, Encoded, OutboxRow, StoredAnswer, Unstorable
from gerai.messaging.unit_of_work import UnitOfWork

LONE = "budi\ud800"
"""A lone surrogate: a Python string, and no Unicode text."""
TOO_MUCH = 17 * 1024 * 1024


class Anything(Aggregate):
    collection: ClassVar[str] = "anything"

    held: str | None = None
    """Or, in some tests, what a document cannot hold: nothing checks what a command assigns."""


class Unprintable:
    """Of no type that a document knows."""


def holding(value: object) -> Command:
    async def command(uow: UnitOfWork) -> None:
        bad = Anything(id="bad", tenant="muna-barat")
        bad.held = value  # type: ignore[assignment]
        uow.add(bad)

    return command


async def fills_for(uow: UnitOfWork, id: str = "bad") -> StoredAnswer:
    jar = await uow.find_or_add(Jar(id=id, tenant="muna-barat", room=1_000))
    jar.fill()
    return StoredAnswer(body=str(jar.filled).encode())


async def answers_too_much(uow: UnitOfWork) -> StoredAnswer:
    await fills_for(uow)
    return StoredAnswer(body=bytes(TOO_MUCH))


async def writes_a_document(uow: UnitOfWork) -> None:
    uow.write_document("beside", "d", {"held": LONE})


async def deletes_a_document(uow: UnitOfWork) -> None:
    uow.write_document("beside", LONE, None)


async def sets_a_timer(uow: UnitOfWork) -> None:
    uow.schedule("ring", "k", due=NOON + timedelta(days=1), tenant="muna-barat", payload={"who": LONE})


async def cancels_a_timer(uow: UnitOfWork) -> None:
    uow.cancel_timer("ring", LONE)


async def forwards_a_row(uow: UnitOfWork) -> None:
    uow.forward(
        OutboxRow(
            id="r",
            topic="t",
            key=b"",
            aggregate="a",
            version=1,
            position=1,
            headers={"a\0b": b""},
            body=b"",
            type="t",
            tenant="",
            at=NOON,
        )
    )


async def records_an_event(uow: UnitOfWork) -> None:
    jar = Jar(id="bad", tenant=LONE)
    uow.add(jar)
    jar.fill()


async def cancels_itself(uow: UnitOfWork) -> None:
    await fills_for(uow)
    raise asyncio.CancelledError


async def answers_with_nonsense(uow: UnitOfWork) -> StoredAnswer:
    await fills_for(uow)
    return "what?"  # type: ignore[return-value]


BAD: dict[str, Command] = {
    "a lone surrogate": holding(LONE),
    "a number beyond 64 bits": holding(2**64),
    "a type that nobody knows": holding(Unprintable()),
    "a NUL in a name": holding({"a\0b": 1}),
    "a name that is no text": holding({1: 1}),
    "a document beyond 16 MB": holding(bytes(TOO_MUCH)),
    "an answer beyond 16 MB": answers_too_much,
    "a document beside": writes_a_document,
    "the id of a document to delete": deletes_a_document,
    "a timer's payload": sets_a_timer,
    "the key of a timer to cancel": cancels_a_timer,
    "a forwarded row": forwards_a_row,
    "an event": records_an_event,
    "an answer of no kind": answers_with_nonsense,
    "a command that cancels itself": cancels_itself,
}


class Alone(MemoryStorage):
    """Says how often something was to be written."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def commit(self, batch: Batch) -> None:
        self.tries += 1
        await super().commit(batch)


def good(number: int) -> Command:
    async def command(uow: UnitOfWork) -> StoredAnswer:
        return await fills_for(uow, "good")

    return command


async def with_neighbours(
    storage: MemoryStorage, command: Command, *, of: Context, key: str = "bad"
) -> list[StoredAnswer | BaseException | None]:
    """The answers of nine good commands around a bad one, and the bad one's own answer last."""
    async with GroupCommit(storage, source="test") as commit:
        ten = [
            commit.execute(good(number), context=context(), idempotency_key=idempotency_key(f"k{number}"))
            for number in range(9)
        ]
        ten.insert(4, commit.execute(command, context=of, idempotency_key=idempotency_key(key)))
        results = await asyncio.gather(*ten, return_exceptions=True)
    return [*results[:4], *results[5:], results[4]]


@pytest.mark.parametrize("command", BAD.values(), ids=BAD)
async def test_its_neighbours_do_not_feel_it(command: Command) -> None:
    storage = Alone()
    *answers, bad = await with_neighbours(storage, command, of=context())
    assert [int(one.body) for one in answers] == list(range(1, 10))  # type: ignore[union-attr]
    assert isinstance(bad, Exception)
    assert storage.tries == 1, "the good ones were written together, at once"
    assert {row.aggregate for row in storage.outbox} == {"jars:good"}
    assert set(storage.aggregates[Jar]) == {"good"}
    assert storage.timers == {}
    assert all(idempotency_key == "idempotency" for idempotency_key, _ in storage.idempotency_keys)
    assert len(storage.idempotency_keys) == 9


@pytest.mark.parametrize(
    ("of", "key"),
    [
        (replace(context(), correlation_id=LONE), "bad"),
        (replace(context(), traceparent=LONE), "bad"),
        (context(), LONE),
    ],
    ids=["a correlation id", "a traceparent", "an idempotency key"],
)
async def test_nor_what_comes_with_it(of: Context, key: str) -> None:
    storage = Alone()
    *answers, bad = await with_neighbours(storage, fills_for, of=of, key=key)
    assert [int(one.body) for one in answers] == list(range(1, 10))  # type: ignore[union-attr]
    assert isinstance(bad, Unstorable)
    assert storage.tries == 1


async def test_an_id_that_cannot_be_asked_for_is_refused_at_the_door() -> None:
    async with GroupCommit(MemoryStorage(), source="test") as commit:
        with pytest.raises(Unstorable):
            await commit.execute(good(1), context=context(), needs=Needs(aggregates=((Jar, LONE),)))


async def test_what_it_was_is_not_in_the_error() -> None:
    storage = Alone()
    *_, bad = await with_neighbours(storage, holding(LONE), of=context())
    assert "budi" not in repr(bad)


class Counting(MemoryStorage):
    def __init__(self) -> None:
        super().__init__()
        self.encoded: list[Encoded] = []
        self.reused: list[bool] = []

    def encode(self, part: Batch) -> dict[int, Encoded]:
        made = super().encode(part)
        self.encoded += made.values()
        return made

    async def commit(self, batch: Batch) -> None:
        written = [*batch.added, *batch.outbox, *batch.idempotency_keys, *(new for new, _ in batch.changed)]
        self.reused += [id(one) in batch.encoded for one in written]
        await super().commit(batch)


async def test_what_is_written_was_encoded_once() -> None:
    storage = Counting()
    async with GroupCommit(storage, source="test") as commit:
        for round in range(2):
            await asyncio.gather(
                *(
                    commit.execute(
                        filling(f"j{n}"), context=context(), idempotency_key=idempotency_key(f"k{round}{n}")
                    )
                    for n in range(5)
                )
            )
    assert all(storage.reused)
    assert len(storage.encoded) == len(storage.reused) == 2 * 3 * 5


def filling(id: str) -> Callable[[UnitOfWork], Any]:
    async def command(uow: UnitOfWork) -> StoredAnswer:
        return await fills_for(uow, id)

    return command
