"""A service's replica of the register: whatever comes, in whatever order and how often."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect
from structlog.testing import LogCapture

from gerai.chassis.testing import envelope
from gerai.messaging.context import Context
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import UnableToFind
from gerai.messaging.selection import Selection
from gerai.register import replica as module
from gerai.register.entries import EntryChanged
from gerai.register.kept_entries import RegisterEntry, when_register_changed_keep_entry
from gerai.register.register import Register
from gerai.register.replica import RegisterReplica
from gerai.register.testing import (
    SMALL,
    TENANT,
    TOLD_AT,
    calendar,
    counter,
    interval,
    service,
    site,
    tell,
    week,
)

Learn = Callable[..., Awaitable[None]]
MANY = 30


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def replica(storage: MemoryStorage) -> RegisterReplica[Register]:
    return RegisterReplica(storage, Register)


@pytest.fixture
async def learn(storage: MemoryStorage) -> AsyncIterator[Learn]:
    """As if the registry told it now."""
    async with GroupCommit(storage, source="/gerai/example") as commit:

        async def learn_now(event: EntryChanged, sequence: int = 1) -> None:
            told = envelope(event, at=TOLD_AT, sequence=sequence)
            await commit.execute(
                lambda uow: when_register_changed_keep_entry(event, told, uow=uow, at=TOLD_AT),
                context=Context(tenant=None, actor="consumer", correlation_id="test"),
            )

        yield learn_now


def names(register: Register) -> list[str]:
    return [found.id for found in register.services_at("mpp")]


async def test_becomes_the_register_of_every_process(replica: RegisterReplica[Register], learn: Learn):
    await replica.refresh()
    assert replica.current.is_empty
    for event in SMALL:
        await learn(event)
    await replica.refresh()
    assert names(replica.current) == ["izin", "nib", "pajak"]


async def test_is_ready_when_it_was_read_once_and_not_before(replica: RegisterReplica[Register]):
    waiting = asyncio.create_task(replica.ready())
    await asyncio.sleep(0)
    assert not waiting.done()
    await replica.refresh()
    await asyncio.wait_for(waiting, 1)


async def test_is_read_again_only_when_it_has_moved(replica: RegisterReplica[Register], learn: Learn):
    await learn(service(), 2)
    await replica.refresh()
    first = replica.current
    await learn(service(name="old"), 1)
    await replica.refresh()
    assert replica.current is first
    await learn(service(name="new"), 3)
    await replica.refresh()
    found = replica.current.service("nib", tenant=TENANT)
    assert (found.name, found.version) == ("new", 3)


class Telling(MemoryStorage):
    """Tells which entries were read."""

    def __init__(self, of: MemoryStorage) -> None:
        super().__init__()
        self.aggregates = of.aggregates
        self.read: list[str] = []

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        found = await super().select(selections)
        self.read += [row.id for kind in found for row in kind if isinstance(row, RegisterEntry)]
        return found


async def test_a_change_in_one_regency_reads_only_its_entries_again(storage: MemoryStorage, learn: Learn):
    for event in (*SMALL, site(id="mal", tenant="there")):
        await learn(event)
    telling = Telling(storage)
    replica = RegisterReplica(telling, Register)
    await replica.refresh()
    assert len(telling.read) == len(SMALL) + 1
    telling.read.clear()
    await learn(site(id="mal", tenant="there", name="Sana"), 2)
    await replica.refresh()
    assert telling.read == ["registry.sites:mal"]
    assert replica.current.site("mal", tenant="there").name == "Sana"
    assert names(replica.current) == ["izin", "nib", "pajak"]


async def test_another_regencys_entry_looks_like_none(replica: RegisterReplica[Register], learn: Learn):
    for event in (*SMALL, site(id="mal", tenant="there")):
        await learn(event)
    await replica.refresh()
    with pytest.raises(UnableToFind):
        replica.current.site("mal", tenant=TENANT)
    with pytest.raises(UnableToFind):
        replica.current.working_days("dpmptsp", site_id="mpp", tenant="there")


async def test_a_regency_with_very_many_entries_pushes_out_nobody_elses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_OF_REGENCY", len(SMALL))
    many = [site(id=f"a-{number:02}", tenant="buton") for number in range(MANY)]
    replica = RegisterReplica(tell(MemoryStorage(), *many, *SMALL), Register)
    await replica.refresh()
    assert replica.current.service("nib", tenant=TENANT).id == "nib"
    assert replica.current.knows_site("a-00")
    assert not replica.current.knows_site(f"a-{MANY - 1:02}"), "it has more than its share"


async def test_one_unreadable_entry_does_not_hide_the_others(storage: MemoryStorage):
    replica = RegisterReplica(tell(storage, *SMALL), Register)
    storage.aggregates[RegisterEntry].documents["registry.services:nib"]["body"] = "{}"
    await replica.refresh()
    assert names(replica.current) == ["izin", "pajak"]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    captured = LogCapture()
    wrapper = structlog.make_filtering_bound_logger(0)
    monkeypatch.setattr(
        module, "log", structlog.wrap_logger(None, processors=[captured], wrapper_class=wrapper)
    )
    return captured


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Asia", "Asia/Makassar\0"])
async def test_a_site_in_a_zone_that_does_not_exist_is_left_out_alone(zone: str, logs: LogCapture):
    elsewhere = (
        site(id="olympus", zone=zone),
        counter("loket-olympus", site_id="olympus"),
        service("warp", site_id="olympus", counter_id="loket-olympus", prefix="O"),
    )
    replica = RegisterReplica(tell(MemoryStorage(), *SMALL, *elsewhere), Register)
    for _ in range(2):
        await replica.refresh()
    told = [(line["event"], line["entry"]) for line in logs.entries]
    assert told == [("entry-unusable", "registry.sites:olympus")], "once per load"
    warp = replica.current.service("warp", tenant=TENANT)
    assert not replica.current.is_offered(warp)
    assert replica.current.hours_of(warp) is None
    assert names(replica.current) == ["izin", "nib", "pajak"]


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        *((opens, "15:30") for opens in ("8", "", "08:60", "25:00", "-1:00", "acht:00", "08:00:00", "15:30")),
        ("15:30", "08:00"),
    ],
)
async def test_hours_that_are_none_leave_the_calendar_out_alone(opens: str, closes: str, logs: LogCapture):
    hours = week(interval(opens, closes))
    replica = RegisterReplica(tell(MemoryStorage(), *SMALL, calendar("service:izin", week=hours)), Register)
    await replica.refresh()
    assert [line["entry"] for line in logs.entries] == ["registry.calendars:service:izin"]
    found = replica.current.hours_of(replica.current.service("izin", tenant=TENANT))
    assert found is not None
    assert found.schedule.own.id == "site:mpp"


async def test_a_limit_beyond_all_time_leaves_the_service_out_alone(logs: LogCapture):
    replica = RegisterReplica(
        tell(MemoryStorage(), *SMALL, service("izin", prefix="B", wait_limit_minutes=10**13)), Register
    )
    await replica.refresh()
    assert [line["entry"] for line in logs.entries] == ["registry.services:izin"]
    assert names(replica.current) == ["nib", "pajak"]


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
        self.now += module.STUCK_S + 1
        self.asked.release()
        if self.hangs:
            await asyncio.Event().wait()
        raise AutoReconnect("nobody there")


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_store_that_is_away_is_no_reason_to_restart_but_a_loop_that_hangs_is(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
):
    storage = Unanswering()
    monkeypatch.setattr(module, "time", storage)
    monkeypatch.setattr(module, "LOOK_S", 0)
    monkeypatch.setattr(module, "LONGEST_REST_S", 0)
    replica = RegisterReplica(storage, Register)
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


@given(sequences=st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_the_highest_sequence_wins_in_whatever_order_they_come(sequences):
    entry = RegisterEntry(id="registry.services:nib", tenant=TENANT, type="registry.service-changed.v1")
    for number in sequences:
        entry.learn(service(name=f"v{number}"), tenant=TENANT, sequence=number, event_id=uuid4())
    assert f'"name":"v{max(sequences)}"' in entry.body
