"""Many desks and kiosks at once, on several writers of one real database, as replicas are."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from queue_builders import MORNING, Hall, catalogue, minutes, plain_choice
from queue_front_door import Client, Door, front_door

from gerai.messaging.group_commit import GroupCommit, StoreBusy
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.refusal import Refusal
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.start_serving import start_serving
from gerai.register.testing import SMALL, counter, desk, service

REPLICAS = 4
DESKS = 64
COUNTERS = 4
WAITING = 2_000
NOON = MORNING + minutes(90)
"""Some have waited longer than their limit by then, others not."""


LIMITS = {f"s{c}-{end}": limit for c in range(COUNTERS) for end, limit in (("a", 30), ("b", 60))}


def big_mall() -> Catalogue:
    """Four counters with sixteen desks and two services each; one service of two has the shorter limit."""
    entries = []
    for c in range(COUNTERS):
        ids = (f"s{c}-a", f"s{c}-b")
        entries.append(counter(f"c{c}"))
        entries += [
            service(id, counter_id=f"c{c}", prefix=f"P{c}{id[-1].upper()}", wait_limit_minutes=LIMITS[id])
            for id in ids
        ]
        entries += [desk(f"d{c}-{n}", *ids, counter_id=f"c{c}") for n in range(DESKS // COUNTERS)]
    return catalogue(*entries)


DESK_IDS = [f"d{c}-{n}" for n in range(DESKS // COUNTERS) for c in range(COUNTERS)]


@contextlib.asynccontextmanager
async def replicas(database: Database, known: Catalogue) -> AsyncIterator[list[Hall]]:
    async with contextlib.AsyncExitStack() as stack:
        halls = []
        for _ in range(REPLICAS):
            storage = MongoStorage(database)
            commit = await stack.enter_async_context(GroupCommit(storage, source="/gerai/queue"))
            halls.append(Hall(storage, commit, known))
        yield halls


async def patiently(doing):
    """As a client does on 503: again, until it is done."""
    while True:
        with contextlib.suppress(StoreBusy):
            return await doing()


async def fill(halls: list[Hall]) -> None:
    async def issue(number: int) -> None:
        hall, service_id = halls[0], f"s{number % COUNTERS}-{'ab'[number // COUNTERS % 2]}"
        at = MORNING + timedelta(milliseconds=2_500 * number)
        await hall.issues(service_id, at=at, priority=number % 7 == 0)

    for start in range(0, WAITING, 200):
        await asyncio.gather(*(issue(number) for number in range(start, start + 200)))


@pytest.mark.timeout(300)
async def test_64_desks_call_2000_tickets_each_once_none_skipped_in_order(database: Database):
    async with replicas(database, big_mall()) as halls:
        await fill(halls)
        await halls[0].opens(*DESK_IDS)
        waiting = {
            one.id: one
            for document in await database["tickets"].find({}).to_list(None)
            if (one := Ticket.from_document(document))
        }
        assert len(waiting) == WAITING

        async def work(number: int, desk_id: str) -> int:
            # the desks of each counter are spread over all replicas
            hall, served = halls[number // COUNTERS % REPLICAS], 0
            while True:
                try:
                    await patiently(lambda: hall.calls(desk_id, at=NOON))
                except Refusal as refusal:
                    assert refusal.code == "nobody_waiting"
                    return served
                served += 1
                await patiently(lambda: hall.takes(start_serving, desk_id, at=NOON))
                await patiently(lambda: hall.takes(finish_ticket, desk_id, at=NOON))

        served = await asyncio.gather(*(work(n, desk_id) for n, desk_id in enumerate(DESK_IDS)))
    assert sum(served) == WAITING
    rows = await database["outbox"].find({"type": "queue.ticket-called.v1"}).to_list(None)
    calls = [json.loads(row["body"]) for row in rows]
    assert len({call["ticket_id"] for call in calls}) == len(calls) == WAITING
    for number in range(COUNTERS):
        of_counter = [call for call in calls if call["counter_id"] == f"c{number}"]
        in_order_of_the_rules(of_counter, waiting)


def in_order_of_the_rules(calls: list[dict], tickets: dict[str, Ticket]) -> None:
    """All desks of a counter serve the same; so its calls must be those of a clerk who reads the rules out."""
    calls.sort(key=lambda call: call["line_sequence"])
    assert [call["line_sequence"] for call in calls] == list(range(1, len(calls) + 1))
    waiting, in_a_row = [tickets[call["ticket_id"]] for call in calls], 0
    for call in calls:
        expected = plain_choice(waiting, NOON, in_a_row, 3, LIMITS)
        assert call["ticket_id"] == expected.id, f"call {call['line_sequence']} was out of order"
        in_a_row = in_a_row + 1 if call["priority_class"] == "priority" else 0
        waiting.remove(expected)


@pytest.mark.timeout(300)
async def test_64_kiosks_on_one_service_give_1_to_n_without_gap_or_twin(database: Database):
    async with replicas(database, big_mall()) as halls:

        async def tap(number: int) -> list[int]:
            hall = halls[number % REPLICAS]
            return [int((await patiently(lambda: hall.issues("s0-a"))).number[4:]) for _ in range(8)]

        numbers = await asyncio.gather(*(tap(number) for number in range(64)))
    assert sorted(n for several in numbers for n in several) == list(range(1, 64 * 8 + 1))
    stored = [document["n"] for document in await database["tickets"].find({}).to_list(None)]
    assert sorted(stored) == list(range(1, 64 * 8 + 1))


async def test_a_retried_request_gives_the_same_ticket_on_another_replica(database: Database):
    async with (
        front_door(MongoStorage(database), database=database) as one,
        front_door(MongoStorage(database), database=database) as other,
    ):
        await furnish(one, other)
        kiosks = [Client(door, "kiosk") for door in (one, other)]
        answers = await asyncio.gather(
            *(kiosk.posts("/v1/tickets", {"service_id": "nib"}, key="double-tap") for kiosk in kiosks * 4)
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await database["tickets"].count_documents({}) == 1


async def furnish(*doors: Door) -> None:
    hall = Hall(doors[0].service_context.storage, doors[0].service_context.commit, catalogue())
    for event in SMALL:
        await hall.learns(event)
    for door in doors:
        await door.background("register").__self__.refresh()
