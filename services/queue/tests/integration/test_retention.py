"""What the queue keeps levels off: a year of days on real MongoDB, whose clock is ours."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from queue_builders import MORNING, Hall, catalogue, minutes, ticket
from queue_front_door import Client, front_door

from gerai.chassis.testing import eventually
from gerai.contracts.queue import TicketState
from gerai.messaging import retention
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.retention import MongoPastDocuments
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.messaging.retention import Keep, Retention, own_rules
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.adapters.links import LinkSealing
from gerai.queue.adapters.retention import RULES
from gerai.queue.domain.ticket import RESTS, Ticket
from gerai.queue.use_cases.await_pickup import await_pickup
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.when_day_ended_expire_tickets import when_day_ended_expire_tickets
from gerai.register.testing import SMALL

DAYS = {
    "keep_tickets_days": 30,
    "keep_unfinished_tickets_days": 60,
    "keep_number_ranges_days": 30,
    "keep_closed_desks_days": 60,
    "keep_refused_events_days": 180,
    "keep_published_days": 3,
    "keep_unread_records_days": 90,
    "keep_unhandled_timers_days": 90,
}
KNOWN = catalogue()
WORKING_DAYS = (0, 2)
"""Of each week, so that a year of days takes seconds."""
A_DAY = 3
"""Visitors of a day: one is served, one is told to fetch something later and never comes, one goes home."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)


async def clean(database: Database, at: datetime, **more: Any) -> None:
    """One look of a worker, which ends then."""
    lease = MongoLease(database, "retention")
    one = Retention(
        MongoPastDocuments(database),
        [*own_rules([], ["end-of-day"]), *RULES],
        days=DAYS,
        lease=lease,
        now=lambda: at,
        **more,
    )
    await one.turn()
    await lease.release()


async def sizes(database: Database) -> dict[str, int]:
    names = sorted(await database._client[database.name].list_collection_names())
    counted = await asyncio.gather(*(database[name].count_documents({}) for name in names))
    return dict(zip(names, counted, strict=True))


async def live_a_day(hall: Hall, database: Database, at: datetime) -> None:
    """The office takes its numbers at nine and is over in the evening."""
    await asyncio.gather(*(hall.issues("nib", at=at) for _ in range(A_DAY)), hall.opens("loket-1", at=at))
    for last in (finish_ticket, partial(await_pickup, reason=None)):
        await hall.calls("loket-1", at=at + minutes(5))
        await hall.takes(start_serving, "loket-1", at=at + minutes(6))
        await hall.takes(last, "loket-1", at=at + minutes(9))
    evening = at + minutes(8 * 60)
    for timer in await MongoDueTimers(database).due(["end-of-day"], evening, 10, now=evening):
        await hall.does(partial(end_day, timer, evening))


async def end_day(timer: TimerRow, at: datetime, uow: UnitOfWork) -> None:
    uow.complete_timer(timer)
    await when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=KNOWN)


async def grow_old(database: Database, days: int) -> None:
    """What the database itself lets expire gets so much older, and the relay has sent what waited."""
    sent = {"$set": {"published_at": datetime.now(UTC)}, "$unset": {"pending": ""}}
    await database["outbox"].update_many({"pending": True}, sent)
    for collection, field in (("outbox", "published_at"), ("outbox", "answered_at"), ("inbox", "at")):
        older = [{"$set": {field: {"$subtract": [f"${field}", days * 86_400_000]}}}]
        await database[collection].update_many({field: {"$exists": True}}, older)


async def test_a_year_of_days_leaves_no_more_than_half_a_year_did(database: Database) -> None:
    await database._client.admin.command({"setParameter": 1, "ttlMonitorSleepSecs": 1})
    seen: list[dict[str, int]] = []

    async def live(weeks: range) -> None:
        async with GroupCommit(MongoStorage(database), source="/gerai/queue") as commit:
            hall = Hall(MongoStorage(database), commit, KNOWN)
            for week in weeks:
                await grow_old(database, 7)
                for day in WORKING_DAYS:
                    await live_a_day(hall, database, MORNING + timedelta(weeks=week, days=day))
                await clean(database, MORNING + timedelta(weeks=week, days=6))
        await eventually(
            partial(past_expiry, database),
            lambda left: left == 0,
            because="what was published expires",
            within=80,  # the server first sleeps out the minute that it had begun
        )
        seen.append(await sizes(database))

    await live(range(26))
    await live(range(26, 52))
    half, whole = seen
    assert half["outbox"] > 0, "what waits for Kafka is still there"
    grown = {
        name: (half.get(name, 0), size) for name, size in whole.items() if size > half.get(name, 0) + A_DAY
    }
    assert grown == {}
    weeks_of_tickets = (A_DAY - 1) * len(WORKING_DAYS) * 5 + len(WORKING_DAYS) * 9
    assert 0 < whole["tickets"] <= weeks_of_tickets
    assert 0 < whole["service_days"] <= len(WORKING_DAYS) * 6


async def past_expiry(database: Database) -> int:
    """Rows that the database's own expiry has to take away."""
    long_ago = datetime.now(UTC) - timedelta(days=Keep().published)
    return int(await database["outbox"].count_documents({"published_at": {"$lte": long_ago}}))


async def test_a_ticket_past_its_time_is_gone_with_its_link(database: Database) -> None:
    storage = MongoStorage(database)
    async with front_door(storage, database=database) as door:
        kiosk, officer = Client(door, "kiosk"), Client(door, "officer")
        hall = Hall(storage, door.service_context.commit, KNOWN)
        for event in SMALL:
            await hall.learns(event)
        await door.background("register").__self__.refresh()
        issued = (await kiosk.posts("/v1/tickets", {"service_id": "nib"})).json()
        link, id = issued["link"], issued["id"]
        assert (await kiosk.gets(f"/v1/visits/{link}")).status_code == 200
        await kiosk.posts(f"/v1/visits/{link}/cancel")
        ended = (await officer.gets(f"/v1/tickets/{id}")).json()
        last = datetime.fromisoformat(ended["since"]) + timedelta(days=DAYS["keep_tickets_days"])
        await clean(database, last - timedelta(minutes=1))
        assert (await kiosk.gets(f"/v1/visits/{link}")).status_code == 200
        await clean(database, last + timedelta(minutes=1))
        assert (await kiosk.gets(f"/v1/visits/{link}")).status_code == 404
        assert (await officer.gets(f"/v1/tickets/{id}")).status_code == 404
        late = await officer.posts("/v1/desks/loket-1/resume", {"ticket_id": id})
        assert late.status_code in (404, 409)


async def test_who_is_at_a_desk_or_may_still_be_called_stays(database: Database) -> None:
    rows = []
    for number, state in enumerate(TicketState):
        one = ticket(number, id=state.value).document()
        since = MORNING - timedelta(days=45)
        rests = {"rests_since": since} if state in RESTS else {}
        rows.append({**one, "state": state.value, "since": since, **rests})
    await database["tickets"].insert_many(rows)
    await clean(database, MORNING)
    left = {one["_id"] for one in await database["tickets"].find({}).to_list(None)}
    assert left == {"waiting", "called", "serving", "held", "awaiting_pickup"}
    await clean(database, MORNING + timedelta(days=30))
    left = {one["_id"] for one in await database["tickets"].find({}).to_list(None)}
    assert left == {"called", "serving"}


async def test_what_is_past_its_time_is_found_by_an_index(database: Database) -> None:
    old = ticket().document()
    at = {"since": MORNING, "rests_since": MORNING}
    many = [{**old, "_id": f"t{n}", "n": n, "state": "served", **at} for n in range(2_000)]
    await database["tickets"].insert_many(many)
    await database.command("profile", 2)
    await clean(database, MORNING)
    await database.command("profile", 0)
    asked = await database.find("system.profile", {"keysExamined": {"$exists": True}})
    plans = [one for one in asked if one["ns"].endswith((".tickets", ".service_days", ".desk_sessions"))]
    assert plans
    for one in plans:
        seen = one.get("planSummary"), one["docsExamined"], one["keysExamined"], one["command"]
        assert one["docsExamined"] <= 10 and one["keysExamined"] <= 10, seen


async def test_links_that_were_kept_in_clear_are_replaced_by_their_hashes(database: Database) -> None:
    rows = []
    for number in range(450):
        one = ticket(number, id=f"t{number:03}").document()
        del one["link_hash"]
        ended = {"state": "served", "since": MORNING} if number == 7 else {}
        rows.append({**one, **ended, "link": f"t{number:03}.secret-{number}", "version": 1})
    await database["tickets"].insert_many(rows)
    await clean(database, MORNING, repairs=[LinkSealing(database).step])
    assert await database["tickets"].count_documents({"link": {"$exists": True}}) == 0
    (found,) = await MongoStorage(database).fetch({Ticket: ["t007"]})
    assert isinstance(found, Ticket)
    assert found.opens_with("t007.secret-7")
    assert (found.version, found.rests_since) == (1, MORNING)


async def test_a_changed_setting_reaches_an_expiry_that_stands_already(database: Database) -> None:
    await MongoStorage(database).prepare(keep=Keep(answers=5, published=7, inbox=120))
    outbox = await database["outbox"].index_information()
    inbox = await database["inbox"].index_information()
    times = (
        outbox["answered"]["expireAfterSeconds"],
        outbox["sent"]["expireAfterSeconds"],
        inbox["expiry"]["expireAfterSeconds"],
    )
    assert times == (5 * 86_400, 7 * 86_400, 120 * 86_400)
