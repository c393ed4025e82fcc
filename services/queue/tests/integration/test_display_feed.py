"""The feed on real change streams: another replica's calls, resuming anywhere, slow panels, restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import client_session_shared
from pymongo.errors import AutoReconnect, OperationFailure
from queue_builders import Hall, catalogue
from queue_display import listening
from queue_front_door import Client, Door, front_door

from gerai.chassis.testing import eventually
from gerai.messaging.mongo.driver import LONGEST_COMMIT, Database, Driver
from gerai.messaging.mongo.storage import MongoStorage
from gerai.queue.adapters import display_feed
from gerai.register.testing import SMALL


@pytest.fixture(params=list(Driver), ids=lambda driver: driver.value)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Both: nothing else in the house depends as much on what a driver does."""
    found: Driver = request.param
    return found


@contextlib.asynccontextmanager
async def replica(database: Database) -> AsyncIterator[Door]:
    """A process's API side, with its background work."""
    async with front_door(MongoStorage(database), database=database) as door:
        hall = Hall(door.service_context.storage, door.service_context.commit, catalogue())
        for event in SMALL:
            await hall.learns(event)
        await door.background("register").__self__.refresh()
        reading = asyncio.create_task(door.background("display-feed")())
        await door.background("display-feed").__self__.ready()
        yield door
        door.background("display-feed").__self__.close()
        reading.cancel()
        await asyncio.wait([reading])


@pytest.fixture
async def one(database: Database) -> AsyncIterator[Door]:
    async with replica(database) as door:
        yield door


@pytest.fixture
async def other(one: Door, database: Database) -> AsyncIterator[Door]:
    async with replica(database) as door:
        yield door


async def calls(door: Door, count: int = 1) -> list[str]:
    """Visitors come and are called and served at loket 1."""
    kiosk, officer = Client(door, "kiosk"), Client(door, "officer")
    await officer.posts("/v1/desks/loket-1/open")
    numbers = []
    for _ in range(count):
        await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        numbers.append((await officer.posts("/v1/desks/loket-1/call-next")).json()["number"])
        for step in ("start", "finish"):
            await officer.posts(f"/v1/desks/loket-1/{step}")
    return numbers


async def test_a_call_on_one_replica_is_heard_on_the_other(one: Door, other: Door):
    async with listening(other) as display:
        assert display.heard[0][1] == "snapshot"
        numbers = await calls(one, 2)
        await display.until(lambda heard: len(heard.numbers("left")) == 2)
    assert display.numbers() == numbers
    _, _, call = next(one for one in display.heard if one[1] == "called")
    assert call["announcement"] == "Nomor antrean A nol nol satu, silakan menuju loket satu"
    assert (call["desk"], call["call"], call["zone"]) == ("Loket 1", 1, "main")


async def test_a_panel_resumes_on_another_replica_without_a_gap_or_a_twin(one: Door, other: Door):
    async with listening(one) as before:
        await calls(one, 2)
        await before.until(lambda heard: len(heard.numbers("left")) == 2)
    seen = before.last_id
    missed = await calls(one, 3)
    async with listening(other, last_id=seen) as after:
        await after.until(lambda heard: len(heard.numbers("left")) == 3)
    assert after.numbers() == missed
    assert after.heard[0][1] != "snapshot"


async def test_a_panel_resumes_after_the_replica_itself_was_restarted(database: Database):
    async with replica(database) as first, listening(first) as before:
        await calls(first, 1)
        await before.until(lambda heard: len(heard.numbers("left")) == 1)
        seen = before.last_id
        missed = await calls(first, 2)
    async with replica(database) as second, listening(second, last_id=seen) as after:
        await after.until(lambda heard: len(heard.numbers("left")) >= 2)
    assert [number for number in after.numbers() if number in missed] == missed


async def test_another_regencys_panel_hears_nothing_whatever_id_it_knows(one: Door):
    async with listening(one) as display:
        await calls(one)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
    async with listening(one, last_id=display.heard[1][0], tenant="buton") as stranger:
        assert (stranger.status, stranger.heard) == (404, [])


async def test_an_unknown_place_begins_with_what_hangs_on_the_board(one: Door):
    kiosk, officer = Client(one, "kiosk"), Client(one, "officer")
    await kiosk.posts("/v1/tickets", {"service_id": "nib"})
    await officer.posts("/v1/desks/loket-1/open")
    await officer.posts("/v1/desks/loket-1/call-next")
    async with listening(one, last_id="long-gone") as display:
        _, kind, board = display.heard[0]
    assert kind == "snapshot"
    assert [called["number"] for called in board["called"]] == ["A-001"]


async def test_a_panel_that_does_not_read_is_told_to_begin_again_and_hurts_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(display_feed, "RING", 6)
    async with replica(database) as door, listening(door) as slow, listening(door) as quick:
        slow.stalls()
        numbers = await calls(door, 4)
        await quick.until(lambda heard: len(heard.numbers("left")) == 4)
        slow.reads_on()
        await slow.until(lambda heard: sum(kind == "snapshot" for _, kind, _ in heard.heard) == 2)
        more = await calls(door, 1)
        await slow.until(lambda heard: heard.numbers()[-1:] == more)
    assert quick.numbers()[:4] == numbers


async def test_panels_are_let_go_when_the_process_stops(one: Door):
    async with listening(one) as display:
        one.background("display-feed").__self__.close()
        async with listening(one) as late:
            assert late.status == 503
    assert display.status == 200


class WithoutStreams(Database):
    """As a server that is no replica set: no change streams, until it is told otherwise."""

    has_streams = False

    def watch(self, *args: Any, **more: Any) -> Any:
        if not self.has_streams:
            raise OperationFailure("The $changeStream stage is only supported on replica sets", 40573)
        return super().watch(*args, **more)


async def test_asks_the_outbox_while_there_is_no_stream(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(display_feed, "POLLS", 3)
    blind = WithoutStreams(database._client, database.name)
    async with replica(blind) as door, listening(door) as display:
        numbers = await calls(door, 2)
        await display.until(lambda heard: len(heard.numbers("left")) == 2)
        blind.has_streams = True
        numbers += await calls(door, 2)
        await display.until(lambda heard: len(heard.numbers("left")) == 4)
    assert display.numbers() == numbers


async def test_what_was_read_before_is_not_too_much(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(display_feed, "ROWS", 3)
    async with replica(WithoutStreams(database._client, database.name)) as door, listening(door) as display:
        for count in range(1, 4):
            await calls(door)
            await display.until(lambda heard, count=count: len(heard.numbers("left")) == count)
    assert [kind for _, kind, _ in display.heard].count("snapshot") == 1


class CutOff(Database):
    """As a database that this process alone does not reach for a while."""

    is_away = False
    refused = 0

    def __getitem__(self, collection: str) -> Any:
        self._ask(collection)
        return super().__getitem__(collection)

    def watch(self, collection: str, *args: Any, **more: Any) -> Any:
        self._ask(collection)
        return super().watch(collection, *args, **more)

    def _ask(self, collection: str) -> None:
        if self.is_away and collection == "outbox":
            self.refused += 1
            raise AutoReconnect("no primary answers")

    async def cut(self) -> None:
        self.is_away = True
        await end_streams(self)

    async def refuses(self, times: int) -> None:
        async def refused() -> int:
            return self.refused

        until = self.refused + times
        await eventually(refused, lambda seen: seen >= until, because="it asks again and again")


async def commits_late(database: Database, id: str, made_before: timedelta) -> None:
    """A call whose transaction was tried again for long: its row bears the time of the first try."""
    row = await database["outbox"].find_one({"type": "queue.ticket-called.v1"})
    made = {"created_at": datetime.now(UTC) - made_before, "position": row["position"] - 1}
    await database["outbox"].insert_one({**row, **made, "_id": id, "aggregate": f"tickets:{id}"})


async def test_a_call_whose_commit_was_late_is_heard_after_a_break(one: Door, database: Database):
    """Older than any look back: the place in the stream leads to it, not its time."""
    cut = CutOff(database._client, database.name)
    async with replica(cut) as door, listening(door) as display:
        await calls(one)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        await cut.cut()
        await cut.refuses(1)
        await commits_late(database, "late", timedelta(minutes=10))
        cut.is_away = False
        await display.until(lambda heard: heard.last_id == "late")
    assert [kind for _, kind, _ in display.heard].count("snapshot") == 1


async def test_a_call_whose_commit_was_late_is_heard_without_a_stream(database: Database):
    async with replica(WithoutStreams(database._client, database.name)) as door, listening(door) as display:
        await calls(door)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        await commits_late(database, "late", LONGEST_COMMIT - timedelta(seconds=20))
        await display.until(lambda heard: heard.last_id == "late")
    assert [kind for _, kind, _ in display.heard].count("snapshot") == 1


def test_who_looks_back_does_so_for_longer_than_the_driver_tries_a_commit():
    tries = timedelta(seconds=client_session_shared._WITH_TRANSACTION_RETRY_TIME_LIMIT)
    assert tries + timedelta(seconds=60) <= LONGEST_COMMIT, (
        "and a transaction may live for 60 s on the server"
    )
    assert display_feed.LOOK_BACK > LONGEST_COMMIT


@pytest.mark.parametrize(
    ("limit", "least"), [("CATCH_UP", timedelta(seconds=0.5)), ("ROWS", 3)], ids=["minutes", "many calls"]
)
async def test_who_was_cut_off_for_long_lets_its_panels_begin_again(
    one: Door, database: Database, monkeypatch: pytest.MonkeyPatch, limit: str, least: Any
):
    """Also a panel that comes back with the id of what it had seen before."""
    cut = CutOff(database._client, database.name)
    async with replica(cut) as door, listening(door) as display:
        await calls(one)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        seen = display.last_id
        monkeypatch.setattr(display_feed, limit, least)
        await cut.cut()
        await cut.refuses(1)
        missed = await calls(one, 2)
        await cut.refuses(6)
        cut.is_away = False
        await display.until(lambda heard: [kind for _, kind, _ in heard.heard].count("snapshot") == 2)
        async with listening(door, last_id=seen) as back:
            assert back.heard[0][1] == "snapshot"
        more = await calls(one)
        await display.until(lambda heard: heard.numbers("left")[-1:] == more)
    assert display.numbers().count(missed[0]) == 0


async def test_who_begins_again_hears_nothing_that_is_minutes_old_but_what_commits_late(
    one: Door, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """Looks go on after it has begun again, each further back than the break."""
    cut = CutOff(database._client, database.name)
    monkeypatch.setattr(display_feed, "POLLS", 3)
    async with replica(cut) as door, listening(door) as display:
        await calls(one)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        monkeypatch.setattr(display_feed, "CATCH_UP", timedelta(seconds=1))
        await cut.cut()
        await cut.refuses(1)
        await commits_late(database, "minutes-old", timedelta(minutes=2))
        await cut.refuses(6)
        cut.is_away = False
        await display.until(lambda heard: [kind for _, kind, _ in heard.heard].count("snapshot") == 2)
        await commits_late(database, "late", timedelta(minutes=3))
        await display.until(lambda heard: heard.last_id == "late")
    assert "minutes-old" not in [id for id, _, _ in display.heard]


async def test_who_was_cut_off_for_a_moment_misses_nothing(one: Door, database: Database):
    cut = CutOff(database._client, database.name)
    async with replica(cut) as door, listening(door) as display:
        await calls(one)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        await cut.cut()
        await cut.refuses(1)
        missed = await calls(one, 2)
        cut.is_away = False
        await display.until(lambda heard: len(heard.numbers("left")) == 3)
    assert display.numbers()[1:] == missed
    assert [kind for _, kind, _ in display.heard].count("snapshot") == 1


async def test_goes_on_when_the_server_ends_the_stream(one: Door, database: Database):
    async with listening(one) as display:
        numbers = await calls(one, 1)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        await end_streams(database)
        numbers += await calls(one, 2)
        await display.until(lambda heard: len(heard.numbers("left")) == 3)
    assert display.numbers() == numbers


class Clocked(Database):
    """The process's clock goes on with each question to the stream; the server may not answer one."""

    now = 0.0
    asked = 0
    answers = True

    def monotonic(self) -> float:
        return self.now

    async def command(self, name: str, *args: Any, **more: Any) -> Any:
        if name == "getMore":
            self.now += 0.6 * display_feed.STUCK_S
            self.asked += 1
            if not self.answers:
                await asyncio.Event().wait()
        return await super().command(name, *args, **more)

    async def was_asked(self) -> int:
        return self.asked


@pytest.mark.parametrize("answers", [True, False])
async def test_a_quiet_hall_is_no_reason_to_restart_but_a_stream_that_hangs_is(
    database: Database, monkeypatch: pytest.MonkeyPatch, answers: bool
):
    clocked = Clocked(database._client, database.name)
    clocked.answers = answers
    monkeypatch.setattr(display_feed, "time", clocked)
    async with replica(clocked) as door:
        times = 3 if answers else 1
        await eventually(clocked.was_asked, lambda seen: seen >= times, because="the stream is read")
        clocked.now += 0.0 if answers else display_feed.STUCK_S
        feed = door.background("display-feed").__self__
        assert set(feed.progress()) == (set() if answers else {"display-feed"})


async def test_a_row_that_nobody_can_read_does_not_end_the_feed(one: Door, database: Database):
    async with listening(one) as display:
        await calls(one, 1)
        await display.until(lambda heard: len(heard.numbers("left")) == 1)
        for id, wrong in enumerate(({"body": b"{}"}, {"body": b"\xff"}, {"at": "yesterday"})):
            row = await database["outbox"].find_one({"type": "queue.ticket-called.v1"})
            await database["outbox"].insert_one(
                {**row, **wrong, "_id": f"bad-{id}", "aggregate": f"tickets:bad-{id}"}
            )
        numbers = await calls(one, 1)
        await display.until(lambda heard: heard.numbers("left")[-1:] == numbers)
        assert not [id for id, _, _ in display.heard if id is not None and id.startswith("bad")]
    async with replica(database) as restarted, listening(restarted) as again:
        assert again.status == 200
        numbers = await calls(restarted, 1)
        await again.until(lambda heard: heard.numbers("left")[-1:] == numbers)


async def end_streams(database: Database) -> None:
    """Kill the cursors on this outbox, as an operator would."""
    pipeline = [{"$currentOp": {"idleCursors": True}}, {"$match": {"ns": f"{database.name}.outbox"}}]
    operations = await database._client.admin.command({"aggregate": 1, "pipeline": pipeline, "cursor": {}})
    cursors = [one["cursor"]["cursorId"] for one in operations["cursor"]["firstBatch"] if "cursor" in one]
    assert cursors, "the feed has a stream"
    await database._client[database.name].command({"killCursors": "outbox", "cursors": cursors})
