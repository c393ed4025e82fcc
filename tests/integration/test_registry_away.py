"""The registry is away: halls go on, since each replica knows the register by itself."""

from typing import Any

import pytest

from gerai.chassis.testing import eventually
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Officer, Registrar, Supervisor
from tests.integration.register import VISIT_SITE, desk_id

REGISTRY = ("registry", "registry-worker")
pytestmark = pytest.mark.timeout(120)


async def _one_visit(doors: Doors, door: int) -> None:
    """From the number to the end, at one replica."""
    officer = Officer(doors, desk=desk_id("temu", door + 1), door=door)
    await officer.sit_down()
    ticket = await Kiosk(doors, door=door).issue("temu-satu", door=door)
    called = await officer.call_next()
    assert called is not None and called["id"] == ticket["id"]
    await officer.do("start")
    assert (await officer.do("finish"))["state"] == "served"


async def test_halls_go_on_without_the_registry(ground: Ground, doors: Doors) -> None:
    """On every replica, also on one that was started meanwhile; and what the registrar says later is learned."""
    for name in REGISTRY:
        await ground.kill(name)
    try:
        await ground.kill("queue-4")
        await ground.start("queue-4")
        for door in range(len(doors.urls)):
            await _one_visit(doors, door)
    finally:
        for name in REGISTRY:
            await ground.start(name)
    registry = Doors(ground.platform.urls("registry"), ground.platform.token, doors.exits)
    await Registrar(registry).rename("temu-satu", "Layanan sesudah mati")
    for door in range(len(doors.urls)):

        async def name(door: int = door) -> Any:
            rows = await Supervisor(doors).send("GET", f"/v1/sites/{VISIT_SITE}/availability", door=door)
            return next(row["name"] for row in rows.json() if row["service_id"] == "temu-satu")

        await eventually(
            name,
            lambda seen: seen == "Layanan sesudah mati",
            because=f"replica {door + 1} learns what the registry says when it is back",
            within=30,
        )
