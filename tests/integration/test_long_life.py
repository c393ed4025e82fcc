"""Every process of every service lives for longer than its longest time-out, at rest and at work.

What watches a process may itself be wrong, and shows it only when a time-out is over: so this drill takes its time.
"""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import httpx
import pytest

from gerai.chassis.testing import eventually
from local.places import STATE
from local.platform import running
from local.services import declarations
from tests.integration import business_clock
from tests.integration.ground import Ground, grounded
from tests.integration.people import Display, Doors, Kiosk, Officer, Registrar
from tests.integration.register import SITE, desk_id, register
from tests.parts import in_background

SERVICES = tuple(service.name for service in declarations())
LONGEST_S: float = max(
    module.STUCK_S
    for name, module in sorted(sys.modules.items())
    if name.startswith("gerai.") and hasattr(module, "STUCK_S")
)
"""Of all that watches anything in a service: with the services all that they are made of is loaded."""
WATCHED_S = LONGEST_S + 20
LOOKS_EVERY_S = 2.0
PACE_S = 0.5
"""A visitor comes twice a second: it is work for every part, and leaves the machine to the tests beside it."""

Stuck = dict[str, str]
"""Process → what it last called stuck, or how it did not answer."""


@contextmanager
def _platform(name: str) -> Iterator[Ground]:
    directory = STATE / "test" / f"{os.getpid()}-{name}"
    platform = running(
        profile="test",
        data_dir=directory,
        services=SERVICES,
        env=business_clock.settings(),
        use_given=False,
    )
    with in_background(grounded(platform)) as ground:
        yield ground
    shutil.rmtree(directory)


@pytest.fixture
def at_rest() -> Iterator[Ground]:
    with _platform("rests") as ground:
        yield ground


@pytest.fixture
def at_work() -> Iterator[Ground]:
    with _platform("works") as ground:
        yield ground


@pytest.mark.timeout(WATCHED_S + 300)
async def test_every_role_of_every_service_stays_live_at_rest_and_at_work(
    at_rest: Ground, at_work: Ground
) -> None:
    names = {f"{service}{role}" for service in SERVICES for role in ("", "-worker")}
    async with AsyncExitStack() as exits:
        working = asyncio.create_task(_work(at_work, exits))
        watching = [asyncio.create_task(_watch(ground, names, working)) for ground in (at_rest, at_work)]
        rested, worked = await asyncio.gather(*watching)
        working.cancel()
        await asyncio.wait([working])
    assert (rested, worked) == ({}, {})


async def _watch(ground: Ground, names: set[str], working: "asyncio.Task[None]") -> Stuck:
    stuck: Stuck = {}
    ends = time.monotonic() + WATCHED_S
    async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
        while time.monotonic() < ends:
            for name in names:
                if (fault := await _fault(http, ground.platform.url(name))) is not None:
                    stuck[name] = fault
            ended, _ = await asyncio.wait([working], timeout=LOOKS_EVERY_S)
            for early in ended:
                early.result()
                raise AssertionError("the load ended before its time")
    return stuck


async def _fault(http: httpx.AsyncClient, url: str) -> str | None:
    try:
        answer = await http.get(f"{url}/health/live")
    except httpx.TransportError as error:
        return repr(error)
    return None if answer.status_code == 200 else answer.text


async def _work(ground: Ground, exits: AsyncExitStack) -> None:
    """Visitors are called and served, and a panel shows it, until cancelled."""
    registry = Doors(ground.platform.urls("registry"), ground.platform.token, exits)
    queue = Doors(ground.platform.urls("queue"), ground.platform.token, exits)
    await Registrar(registry).load(register())
    kiosk, officer = Kiosk(queue), Officer(queue, desk=desk_id("layar", 1))

    async def opened() -> int:
        return (await officer.send("POST", f"/v1/desks/{officer.desk}/open")).status_code

    await eventually(opened, lambda status: status == 200, because="the queue learns the register", within=60)
    async with Display(queue).feed(SITE, door=0) as frames:
        showing = asyncio.create_task(_look_at(frames))
        try:
            while True:
                await kiosk.issue("layar-satu")
                await officer.call_next()
                await officer.do("start")
                await officer.do("finish")
                ended, _ = await asyncio.wait([showing], timeout=PACE_S)
                assert not ended, "the panel's feed ended"
        finally:
            showing.cancel()


async def _look_at(frames: object) -> None:
    async for _ in frames:  # type: ignore[attr-defined]
        pass
