"""The processes of the drills use the MongoDB driver that the run was asked for, and the other does as well."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from gerai.chassis.testing import eventually
from gerai.messaging.mongo.driver import Driver
from local.places import STATE
from local.platform import running
from tests.integration import business_clock
from tests.integration.ground import Ground, grounded
from tests.integration.people import Display, Doors, Kiosk, Officer, Visitor
from tests.integration.register import VISIT_SITE
from tests.parts import in_background


@pytest.fixture
def newcomer(ground: Ground, driver: Driver) -> Iterator[Ground]:
    """One more replica of the queue, with the other driver: so a platform changes over, process by process."""
    (other,) = set(Driver) - {driver}
    directory = STATE / "test" / f"{os.getpid()}-newcomer"
    platform = running(
        profile="test",
        data_dir=directory,
        services=("queue",),
        replicas={"queue-worker": 0},
        env={**business_clock.settings(), "GERAI_MONGODB_DRIVER": other.value},
        mongodb_uri=ground.platform.mongodb_uri,
        kafka_bootstrap=ground.platform.kafka_bootstrap,
    )
    with in_background(grounded(platform)) as found:
        yield found
    shutil.rmtree(directory)


@pytest.fixture
async def mixed(newcomer: Ground) -> AsyncIterator[Doors]:
    async with AsyncExitStack() as exits:
        yield Doors(newcomer.platform.urls("queue"), newcomer.platform.token, exits)


def applications(ground: Ground) -> set[str]:
    return {f"gerai-{service}" for service in ground.platform.services}


async def drivers(ground: Ground) -> dict[str, set[Driver]]:
    """MongoDB knows: a client introduces itself."""
    assert ground.mongo is not None
    everybody = [{"$currentOp": {"allUsers": True, "idleConnections": True, "localOps": True}}]
    found: dict[str, set[Driver]] = {}
    known = applications(ground)
    async for operation in await ground.mongo.admin.aggregate(everybody):
        application = operation.get("appName")
        if application in known:
            motor = "Motor" in operation["clientMetadata"]["driver"]["name"]
            found.setdefault(application, set()).add(Driver.MOTOR if motor else Driver.PYMONGO)
    return found


async def test_every_service_uses_the_driver_asked_for(ground: Ground, driver: Driver) -> None:
    await eventually(
        lambda: drivers(ground),
        lambda seen: seen == {application: {driver} for application in applications(ground)},
        because="every service has connections of this driver alone",
    )


async def test_a_visit_at_a_replica_with_the_other_driver(ground: Ground, doors: Doors, mixed: Doors) -> None:
    """What it writes the others read, what they write it reads; and its displays hear of it."""
    assert (await drivers(ground))["gerai-queue"] == set(Driver)
    kiosk, there, here = Kiosk(mixed), Officer(mixed, desk="temu-1"), Officer(doors, desk="temu-1")
    async with Display(mixed).feed(VISIT_SITE, door=0) as frames:
        ticket = await kiosk.issue("temu-satu")
        await here.sit_down()
        assert (await there.call_next() or {})["number"] == ticket["number"]
        async with asyncio.timeout(30):
            while (frame := await anext(frames)).event != "called":
                pass
    assert frame.data["number"] == ticket["number"]
    await here.do("start")
    await there.do("finish")
    for everybody in (doors, mixed):
        visitor = Visitor(everybody, link=ticket["link"])
        await eventually(
            visitor.look, lambda seen: seen["state"] == "served", because="the visit is over everywhere"
        )
    await there.must("POST", "/v1/desks/temu-1/close")
