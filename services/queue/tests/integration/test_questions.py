"""What the queue asks its store is found by an index, however many days lie behind it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from queue_builders import MORNING, Hall, catalogue, minutes, ticket

from gerai.contracts.queue import TicketState
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.queue.adapters.lines import CachedLines
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.show_availability import show_availability
from gerai.queue.use_cases.show_board import show_board
from gerai.queue.use_cases.show_desk import show_desk
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.when_day_ended_expire_tickets import when_day_ended_expire_tickets

BEFORE = 3_000
"""Tickets of the days before, and more."""
TODAY = 12
EVENING = MORNING + minutes(7 * 60 + 30)
KNOWN = catalogue()


@pytest.fixture
async def hall(database: Database) -> AsyncIterator[Hall]:
    """A site with a past, and others, whose questions are written down by the server."""
    one = ticket().document()
    past = [
        {
            **one,
            "_id": f"old-{number}",
            "n": number,
            "local_day": str((MORNING - timedelta(days=1 + number % 30)).date()),
            "state": (TicketState.SERVED if number % 5 else TicketState.EXPIRED).value,
        }
        for number in range(BEFORE)
    ]
    await database["tickets"].insert_many(past)
    kept = [
        {"_id": f"old-{number}", "site_id": "mpp", "local_day": f"before-{number}"}
        for number in range(BEFORE)
    ]
    await database["service_days"].insert_many(kept)
    elsewhere = [
        {"_id": f"far-{number}", "site_id": f"far-{number}", "is_open": True} for number in range(BEFORE)
    ]
    await database["desk_sessions"].insert_many(elsewhere)
    storage = MongoStorage(database)
    async with GroupCommit(storage, source="/gerai/queue") as commit:
        await database.command("profile", 2)
        yield Hall(storage, commit, KNOWN)


async def work_a_day(hall: Hall) -> None:
    for _ in range(TODAY):
        await hall.issues("nib")
    await hall.opens("loket-1")
    at = MORNING + minutes(10)
    for step in (finish_ticket, partial(hold_ticket, reason=None)):
        await hall.calls("loket-1", at=at)
        await hall.takes(start_serving, "loket-1", at=at)
        await hall.takes(step, "loket-1", at=at)
    await hall.calls("loket-1", at=at)
    lines = CachedLines(hall.storage)
    await show_desk("loket-1", uow=hall.queries, lines=lines, catalogue=KNOWN)
    await show_board("mpp", uow=hall.queries, lines=lines, at=at, catalogue=KNOWN)
    await show_availability("mpp", uow=hall.queries, at=at, catalogue=KNOWN)


async def end_the_day(hall: Hall, database: Database) -> None:
    (timer,) = await MongoDueTimers(database).due(["end-of-day"], EVENING, 10, now=EVENING)
    await hall.does(
        lambda uow: when_day_ended_expire_tickets(timer, uow=uow, at=EVENING, catalogue=KNOWN),
    )


async def test_no_question_looks_through_the_days_before(hall: Hall, database: Database) -> None:
    await work_a_day(hall)
    await end_the_day(hall, database)
    await database.command("profile", 0)
    assert await database["tickets"].count_documents({"state": TicketState.WAITING.value}) == 0
    asked: list[dict[str, Any]] = await database.find("system.profile", {"keysExamined": {"$exists": True}})
    assert {one["ns"].partition(".")[2] for one in asked} >= {
        "tickets",
        "service_days",
        "desk_sessions",
        "lines",
    }
    for one in asked:
        seen = one["docsExamined"], one["keysExamined"], one.get("planSummary"), one["command"]
        assert one["docsExamined"] <= 3 * TODAY, seen
        assert one["keysExamined"] <= 6 * TODAY, seen
        assert "COLLSCAN" not in one.get("planSummary", ""), seen
        # what stands in a line comes in order from the index, however long the line is
        assert not ("counter_id" in str(one["command"]) and one.get("hasSortStage")), seen
