"""The demo's own platform: fresh data, free ports, and a clock that brings the site's morning in a few seconds."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

from demo.clock import SLOWEST, SPEED, DemoClock
from demo.doors import Doors
from demo.failure import UnableToPlay
from demo.mall import OPENS, Mall
from local import places, seed, services
from local.ledger import wipe
from local.once import run_once
from local.platform import Platform, running

LEAD_SECONDS = 16.0
"""Real time between the start of the services and the opening of the doors, on a machine that is idle."""
IDLE_PROBE_SECONDS = 1.5
"""How long an idle machine takes to start a small program."""
READY_SECONDS = 60.0
END_AFTER_CLOSING_MINUTES = 90
"""Late enough that who was called before the officers left is served by then."""

STORES_OF_OTHERS = ("MONGODB_URI", "KAFKA_BOOTSTRAP")
WHY_ITS_OWN = "the demo begins with empty stores and counts every event in them, so it starts its own"


@asynccontextmanager
async def platform_of(mall: Mall, day: date) -> AsyncIterator[tuple[Platform, DemoClock]]:
    """The stores start first: the clock is set when they stand, so that a first download costs no morning."""
    directory = places.data_dir("demo")
    for part in ("services", "stores"):
        wipe(directory / part)
    async with running(
        profile="demo", data_dir=directory / "stores", use_given=False, prepare_java=True
    ) as stores:
        slowness = await _slowness()
        clock = DemoClock(
            anchor_real=datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS * slowness),
            anchor_business=mall.at(day, OPENS),
            speed=SPEED / slowness,
        )
        async with running(
            profile="demo",
            data_dir=directory / "services",
            services=services.names(),
            env={**clock.env(), "GERAI_TRACE_RATIO": "1"},
            mongodb_uri=stores.mongodb_uri,
            kafka_bootstrap=stores.kafka_bootstrap,
            traces=True,
        ) as platform:
            yield platform, clock


async def _slowness() -> float:
    """1 on an idle machine, 3 where all takes three times as long: then the day must pass more slowly, or visitors
    would wait for the machine and not for an officer."""
    begun = time.monotonic()
    await run_once((sys.executable, "-c", "import fastapi, httpx, aiokafka"), seconds=60.0)
    return min(max(1.0, (time.monotonic() - begun) / IDLE_PROBE_SECONDS), SPEED / SLOWEST)


async def prepare(platform: Platform, mall: Mall, queue: Doors) -> None:
    """Load the example data, wait until the queue has them from Kafka, and set the rules of the site."""
    await seed.load(registry_url=platform.registry_url, token=platform.token("registrar"))
    office = platform.token("supervisor")
    await _await_register(mall, queue, office)
    path = f"/v1/sites/{mall.site_id}/rules"
    found = await queue.get(path, office)
    changed = {**found["rules"], "end_after_closing_minutes": END_AFTER_CLOSING_MINUTES, "near_front": 2}
    answer = await queue.put(path, office, changed, version=found["version"])
    if answer.refused is not None:
        raise UnableToPlay(f"The site's rules can't be set: {answer.refused}.")


async def _await_register(mall: Mall, queue: Doors, token: str) -> None:
    """The queue serves from its own replica; until that is whole, it offers less than the register has."""
    ends = time.monotonic() + READY_SECONDS
    path = f"/v1/sites/{mall.site_id}/availability"
    while True:
        answer = await queue.try_get(path, token)
        if answer.refused is None and len(answer.body) == len(mall.offers):
            return
        if time.monotonic() > ends:
            raise UnableToPlay(f"The queue did not learn the register within {READY_SECONDS:.0f} seconds.")
        await asyncio.sleep(0.2)
