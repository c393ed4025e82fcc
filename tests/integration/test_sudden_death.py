"""kill -9 in the middle of load, and a broker that is away: nothing acknowledged is lost, nothing happens twice."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from gerai.chassis.testing import eventually
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk
from tests.integration.siege import require_promises_kept, under_load
from tests.parts import Broker

DEATHS = 10
KILLED_S, FROZEN_S = 60, 20
VICTIMS = ("queue", "queue-worker", "queue-2", "hourly-worker", "queue-3", "queue-worker-2", "queue-4")
SERVICES = ("tahan-satu", "tahan-dua")
ORPHAN = Path(__file__).with_name("orphan.py")
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("seed", [20261125])
async def test_ten_deaths_under_load(ground: Ground, doors: Doors, seed: int) -> None:
    """At seeded random moments; each victim is started again while the others go on."""
    dice = random.Random(seed)
    rising: list[asyncio.Task[None]] = []
    async with under_load(doors, "tahan", SERVICES, seed=seed):
        for number in range(DEATHS):
            victim = VICTIMS[number % len(VICTIMS)]
            due = len(doors.acknowledged) + dice.randint(5, 40)
            await eventually(
                lambda: _so_far(doors), lambda done, due=due: done >= due, because="work goes on", within=30
            )
            await asyncio.gather(*rising[:-1])  # at most two are down at once
            await ground.kill(victim)
            rising.append(asyncio.create_task(ground.start(victim)))
        await asyncio.gather(*rising)
    assert {code for _, _, code in doors.refused} <= {"nobody_waiting"}, doors.refused
    await require_promises_kept(ground, doors.acknowledged)


async def test_a_dead_process_holds_nobody_up(ground: Ground, doors: Doors) -> None:
    """It dies inside a transaction; MongoDB keeps that open, and a number range with it, but not for long."""
    kiosk = Kiosk(doors)
    ticket = await kiosk.issue("kios-nomor")
    range_id = f"kios-nomor:{ticket['local_day']}"
    dying = await asyncio.create_subprocess_exec(
        sys.executable, str(ORPHAN), ground.platform.mongodb_uri, "service_days", range_id
    )
    assert await dying.wait() == 0
    begun = time.monotonic()
    await kiosk.issue("kios-nomor")
    assert time.monotonic() - begun < 20


@asynccontextmanager
async def _killed(broker: Broker) -> AsyncIterator[None]:
    """Kafka's process is gone, and comes back on the same disk at the same address."""
    await broker.kill()
    try:
        yield
    finally:
        await broker.start()


@asynccontextmanager
async def _frozen(broker: Broker) -> AsyncIterator[None]:
    """Kafka keeps its connections, takes what it is sent, and answers nothing."""
    broker.freeze()
    try:
        yield
    finally:
        broker.thaw()


@pytest.mark.parametrize(
    ("away", "seconds"), [(_killed, KILLED_S), (_frozen, FROZEN_S)], ids=["killed", "frozen"]
)
async def test_commands_go_on_while_kafka_is_away(
    ground: Ground,
    doors: Doors,
    broker: Broker,
    away: Callable[[Broker], AbstractAsyncContextManager[None]],
    seconds: int,
) -> None:
    """And when it is back the backlog drains by itself: nobody is restarted."""
    lives = [process.pid for process in ground.platform.processes]
    async with under_load(doors, "tahan", SERVICES, seed=7), away(broker):
        before, waiting = len(doors.acknowledged), await ground.backlog()
        await asyncio.wait_for(_served_throughout(doors, seconds), seconds + 30)
        during, piled_up = len(doors.acknowledged) - before, await ground.backlog()
    assert {code for _, _, code in doors.refused} <= {"nobody_waiting"}, doors.refused
    assert during > seconds, f"only {during} commands in {seconds} s without Kafka"
    assert piled_up - waiting >= during / 2, "Kafka was not away all the time"
    await require_promises_kept(ground, doors.acknowledged, within=90)
    assert [process.pid for process in ground.platform.processes] == lives


async def _served_throughout(doors: Doors, seconds: int) -> None:
    """Something is acknowledged in every second that Kafka is away."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while loop.time() < ends:
        seen = len(doors.acknowledged)
        second = loop.time() + 1
        await eventually(
            lambda: _so_far(doors),
            lambda done, seen=seen, second=second: done > seen and loop.time() >= second,
            because="commands are acknowledged without Kafka",
            within=10,
        )


async def _so_far(doors: Doors) -> int:
    return len(doors.acknowledged)
