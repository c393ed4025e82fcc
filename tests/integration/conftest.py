"""One platform for all drills: registry, queue on four API replicas and two workers, hourly."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from pymongo import AsyncMongoClient

from gerai.chassis.testing import eventually
from gerai.messaging.mongo.driver import Driver
from local.places import STATE
from local.platform import running
from tests.integration import business_clock
from tests.integration.ground import Ground, grounded
from tests.integration.people import Doors, Registrar, Supervisor
from tests.integration.register import (
    DESKS,
    NIGHT_SITE,
    OTHER_TENANT,
    SERVICES,
    SITE,
    VISIT_SITE,
    others_register,
    register,
)
from tests.parts import Broker, in_background

REPLICAS = {"queue": 4, "queue-worker": 2}


def _settings(driver: Driver) -> dict[str, str]:
    return {
        **business_clock.settings(),
        "GERAI_TRACE_RATIO": "0",  # who is known and asks for it has a few traces kept all the same
        "GERAI_MONGODB_DRIVER": driver.value,
        "GERAI_FAILED_LOGINS_PER_ADDRESS": "40",  # so that a flood reaches it on a slow machine, too
    }


@pytest.fixture(scope="session")
def _platform(mongodb_uri: str, broker: Broker, driver: Driver) -> Iterator[Ground]:
    directory = STATE / "test" / f"{os.getpid()}-drills"
    platform = running(
        profile="test",
        data_dir=directory,
        services=("registry", "queue", "hourly"),
        replicas=REPLICAS,
        env=_settings(driver),
        mongodb_uri=mongodb_uri,
        kafka_bootstrap=broker.bootstrap,
        traces=True,
    )
    with in_background(grounded(platform)) as ground:
        yield ground
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
async def ground(_platform: Ground) -> AsyncIterator[Ground]:
    """The platform, with its register loaded and known to every replica."""
    async with (
        AsyncMongoClient(_platform.platform.mongodb_uri, tz_aware=True) as mongo,
        AsyncExitStack() as exits,
    ):
        ground = replace(_platform, mongo=mongo)
        registry = Doors(ground.platform.urls("registry"), ground.platform.token, exits)
        await Registrar(registry).load(register())
        await Registrar(registry, tenant=OTHER_TENANT).load(others_register())
        queue = Doors(ground.platform.urls("queue"), ground.platform.token, exits)
        for door in range(len(queue.urls)):
            await _knows_the_register(Supervisor(queue), door)
        yield ground


@pytest.fixture
async def doors(ground: Ground) -> AsyncIterator[Doors]:
    """The queue's replicas, with a book of its own for what is acknowledged."""
    async with AsyncExitStack() as exits:
        yield Doors(ground.platform.urls("queue"), ground.platform.token, exits)


async def _knows_the_register(supervisor: Supervisor, door: int) -> None:
    async def unknown() -> set[str]:
        services, desks = set(SERVICES), set(DESKS)
        for site in (SITE, NIGHT_SITE, VISIT_SITE):
            answer = await supervisor.send("GET", f"/v1/sites/{site}/availability", door=door)
            services -= {row["service_id"] for row in answer.json()} if answer.is_success else set()
        for desk in DESKS:
            answer = await supervisor.send("GET", f"/v1/desks/{desk}", door=door)
            desks -= {desk} if answer.is_success else set()
        return services | desks

    await eventually(
        unknown, lambda left: not left, because=f"replica {door + 1} knows the register", within=60
    )
