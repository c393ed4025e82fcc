"""The end of the day: a timer that outlives its workers and fires once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gerai.chassis.testing import eventually, read_topic
from gerai.contracts.queue import TicketExpired
from tests.integration.business_clock import business_time
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Officer, Registrar, Supervisor
from tests.integration.register import NIGHT_SITE

WAITING = 230
"""More than the end of the day ends in one transaction."""
MAKASSAR = timedelta(hours=8)
pytestmark = pytest.mark.timeout(180)


async def _close_at(doors: Doors, ground: Ground, closes: datetime) -> None:
    """The registrar shortens today; the queue is ended with the closing."""
    registry = Registrar(Doors(ground.platform.urls("registry"), ground.platform.token, doors.exits))
    path = f"/v1/calendars/site:{NIGHT_SITE}"
    read = await registry.ask("GET", path)
    facts = {name: value for name, value in read.json().items() if name not in ("id", "version")}
    local = closes + MAKASSAR
    hours = {"opens": "00:00", "closes": f"{local:%H:%M}"}
    facts["overrides"] = [{"date": f"{local:%Y-%m-%d}", "intervals": [hours], "reason": "Rapat"}]
    await registry.must("PUT", path, facts, headers={"if-match": read.headers["etag"]})
    supervisor = Supervisor(doors)
    rules = await supervisor.must("GET", f"/v1/sites/{NIGHT_SITE}/rules")
    await supervisor.must(
        "PUT",
        f"/v1/sites/{NIGHT_SITE}/rules",
        {**rules["rules"], "end_after_closing_minutes": 0},
        headers={"if-match": f'"{rules["version"]}"'},
    )


async def _closing_known(ground: Ground, closes: datetime) -> bool:
    entry = await ground.collection("register").find_one({"_id": f"registry.calendars:site:{NIGHT_SITE}"})
    return entry is not None and f"{closes + MAKASSAR:%H:%M}" in entry["body"]


async def _states(ground: Ground) -> dict[str, int]:
    groups = await ground.collection("tickets").aggregate(
        [{"$match": {"site_id": NIGHT_SITE}}, {"$group": {"_id": "$state", "n": {"$sum": 1}}}]
    )
    return {one["_id"]: one["n"] async for one in groups}


async def test_the_day_ends_once(ground: Ground, doors: Doors) -> None:
    """With two workers, both killed shortly before it is due; who is being served is served to the end."""
    kiosks = [Kiosk(doors, door=number) for number in range(16)]
    await asyncio.gather(*(kiosks[number % 16].issue("malam-satu") for number in range(WAITING)))
    officer = Officer(doors, desk="malam-1")
    await officer.sit_down()
    await officer.call_next()
    await officer.do("start")
    timers = await ground.collection("timers").find({"key": {"$regex": NIGHT_SITE}}).to_list()
    assert len(timers) == 1, timers

    closes = (business_time() + timedelta(minutes=4)).replace(second=0, microsecond=0)
    await _close_at(doors, ground, closes)
    await eventually(
        lambda: _closing_known(ground, closes),
        lambda known: known,
        because="the queue learns the hours from Kafka: a worker that does not know them asks again much later",
    )
    await asyncio.gather(*(ground.kill(name) for name in ("queue-worker", "queue-worker-2")))
    assert (await _states(ground)).get("expired") is None
    await _fire(ground, timers[0])
    await asyncio.gather(*(ground.start(name) for name in ("queue-worker", "queue-worker-2")))

    await eventually(
        lambda: _states(ground),
        lambda seen: seen == {"expired": WAITING - 1, "serving": 1},
        because="everybody who still waits is sent home",
        within=60,
    )
    assert business_time() >= closes
    await officer.do("finish")
    later = await ground.collection("timers").find({"key": {"$regex": NIGHT_SITE}}).to_list()
    assert all(one["due"] > closes for one in later), "the same evening is not ended again and again"
    await eventually(ground.backlog, lambda left: left == 0, because="it is told", within=30)
    told = await read_topic(ground.platform.kafka_bootstrap, "queue.tickets")
    expired = [one.subject for one in told.by_id.values() if isinstance(one.event, TicketExpired)]
    assert len(expired) == len(set(expired)) == WAITING - 1
    assert told.twins() == {}


async def _fire(ground: Ground, timer: dict[str, Any]) -> None:
    """The timer was set for a later closing: it is made due early, as if the clock had been put forward."""
    moved = await ground.collection("timers").update_one(
        {"_id": timer["_id"]}, {"$set": {"due": datetime.now(UTC) - timedelta(days=400)}}
    )
    assert moved.matched_count == 1
