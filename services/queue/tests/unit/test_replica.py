"""Our replica of the register: whatever comes, in whatever order and how often."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect
from queue_builders import MORNING, SMALL, TENANT, Hall, calendar, counter, language, service, site
from queue_front_door import front_door
from structlog.testing import LogCapture

from gerai.chassis.settings import Role
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import Refusal
from gerai.messaging.selection import Selection
from gerai.queue.adapters import catalogue_replica, display_feed
from gerai.queue.adapters.catalogue_replica import CatalogueReplica
from gerai.queue.domain.register_entry import RegisterEntry
from gerai.queue.domain.rules import Rules
from gerai.queue.use_cases.change_site_rules import change_site_rules


async def test_becomes_the_catalogue_of_every_process(hall: Hall):
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    assert replica.current.is_empty
    for event in SMALL:
        await hall.learns(event)
    await replica.refresh()
    assert [one.id for one in replica.current.services_at("mpp")] == ["izin", "nib", "pajak"]


async def test_is_read_again_only_when_it_has_moved(hall: Hall):
    replica = CatalogueReplica(hall.storage)
    await hall.learns(service(), sequence=2)
    await replica.refresh()
    first = replica.current
    await hall.learns(service(name="old"), sequence=1)
    await replica.refresh()
    assert replica.current is first
    await hall.learns(service(name="new"), sequence=3)
    await replica.refresh()
    assert replica.current.service_name("nib") == "new"


async def test_brings_a_sites_rules_to_every_process(hall: Hall):
    for event in SMALL:
        await hall.learns(event)
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    await hall.does(
        lambda uow: change_site_rules(
            uow, MORNING, "mpp", Rules(near_front=5), seen=0, catalogue=replica.current
        )
    )
    await replica.refresh()
    assert replica.current.rules_of("mpp").near_front == 5


class Telling(MemoryStorage):
    """Tells which entries were read."""

    def __init__(self, of: MemoryStorage) -> None:
        super().__init__()
        self.aggregates = of.aggregates
        self.read: list[str] = []

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        found = await super().select(selections)
        self.read += [one.id for kind in found for one in kind if isinstance(one, RegisterEntry)]
        return found


async def test_a_change_in_one_regency_reads_only_its_entries_again(hall: Hall):
    there = Hall(hall.storage, hall.commit, hall.catalogue, tenant="there")
    for event in SMALL:
        await hall.learns(event)
    await there.learns(site(id="mal", tenant="there"))
    storage = Telling(hall.storage)
    replica = CatalogueReplica(storage)
    await replica.refresh()
    assert len(storage.read) == len(SMALL) + 1
    storage.read.clear()
    await there.learns(site(id="mal", tenant="there", name="Sana"), sequence=2)
    await replica.refresh()
    assert storage.read == ["registry.sites:mal"]
    assert replica.current.site("mal", tenant="there").name == "Sana"
    assert [one.id for one in replica.current.services_at("mpp")] == ["izin", "nib", "pajak"]


async def test_one_unreadable_entry_does_not_hide_the_others(hall: Hall):
    for event in SMALL:
        await hall.learns(event)
    hall.storage.aggregates[RegisterEntry]["registry.services:nib"].body = "{}"
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    assert [one.id for one in replica.current.services_at("mpp")] == ["izin", "pajak"]


ELSEWHERE = (
    site(id="olympus", zone="Mars/Olympus"),
    counter("loket-olympus", site_id="olympus"),
    service("warp", site_id="olympus", counter_id="loket-olympus", prefix="O"),
)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Asia", "Asia/Makassar\0"])
async def test_a_site_in_a_zone_that_does_not_exist_is_left_out_alone(
    hall: Hall, zone: str, monkeypatch: pytest.MonkeyPatch
):
    logs = LogCapture()
    monkeypatch.setattr(
        catalogue_replica,
        "log",
        structlog.wrap_logger(
            None, processors=[logs], wrapper_class=structlog.make_filtering_bound_logger(0)
        ),
    )
    for event in (*SMALL, site(id="olympus", zone=zone), *ELSEWHERE[1:]):
        await hall.learns(event)
    replica = CatalogueReplica(hall.storage)
    for _ in range(2):
        await replica.refresh()
    told = [(one["event"], one["entry"]) for one in logs.entries]
    assert told == [("entry-unusable", "registry.sites:olympus")], "once per load"
    hall.catalogue = replica.current
    assert (await hall.issues("nib")).number == "A-001"
    with pytest.raises(Refusal) as refused:
        await hall.issues("warp")
    assert refused.value.code == "service_closed"
    for desk in ("loket-1", "loket-9"):
        await hall.opens(desk)


@pytest.mark.parametrize("opens", ["8", "", "08:60", "25:00", "-1:00", "acht:00", "08:00:00"])
async def test_hours_that_are_none_leave_the_calendar_out_alone(hall: Hall, opens: str):
    hours = (language.DayHours(weekday=1, intervals=(language.Interval(opens=opens, closes="15:30"),)),)
    for event in (*SMALL, calendar("service:izin", week=hours)):
        await hall.learns(event)
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    assert replica.current.unusable == ("registry.calendars:service:izin",)
    hall.catalogue = replica.current
    assert (await hall.issues("izin")).number == "B-001"  # by the hours of its site


@pytest.mark.parametrize("limit", [10**10, 10**13])
async def test_a_wait_limit_beyond_all_time_disturbs_nobody(hall: Hall, limit: int):
    for event in SMALL:
        await hall.learns(event)
    await hall.learns(service("izin", prefix="B", wait_limit_minutes=limit), sequence=2)
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    hall.catalogue = replica.current
    await hall.issues("nib")
    await hall.opens("loket-1")  # serves both
    assert (await hall.calls("loket-1")).number == "A-001"


class Unanswering(MemoryStorage):
    """A store that is asked in vain, for as long as `asked` says; `clock` is the process's."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.asked = asyncio.Semaphore(0)
        self.hangs = False

    def monotonic(self) -> float:
        return self.now

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        self.now += catalogue_replica.STUCK_S + 1
        self.asked.release()
        if self.hangs:
            await asyncio.Event().wait()
        raise AutoReconnect("nobody there")


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_store_that_is_away_is_no_reason_to_restart_but_a_loop_that_hangs_is(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
):
    storage = Unanswering()
    monkeypatch.setattr(catalogue_replica, "time", storage)
    monkeypatch.setattr(catalogue_replica, "LOOK_S", 0)
    replica = CatalogueReplica(storage)
    running = asyncio.create_task(replica.run())
    for _ in range(3):
        await storage.asked.acquire()
    storage.hangs = hangs
    if hangs:
        await storage.asked.acquire()
    await asyncio.sleep(0)
    assert bool(replica.progress()) is hangs
    running.cancel()
    await asyncio.wait([running])


async def test_the_catalogue_is_watched_in_every_role_and_the_display_feed_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(catalogue_replica, "STUCK_S", -1.0)
    monkeypatch.setattr(display_feed, "STUCK_S", -1.0)
    async with front_door(MemoryStorage()) as door:
        stuck = {role: set(chain(*(one.progress() for one in door.runs_as(role)))) for role in Role}
    assert stuck == {Role.API: {"catalogue", "display-feed"}, Role.WORKER: {"catalogue"}}


@given(sequences=st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_the_highest_sequence_wins_in_whatever_order_they_come(sequences):
    entry = RegisterEntry(id="registry.services:nib", tenant=TENANT, type="registry.service-changed.v1")
    for number in sequences:
        entry.learn(service(name=f"v{number}"), tenant=TENANT, sequence=number)
    assert f'"name":"v{max(sequences)}"' in entry.body
