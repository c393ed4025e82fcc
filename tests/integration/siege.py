"""Steady load, and the count that has to come out whatever was done to the platform meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gerai.chassis.testing import Subscriber, eventually, read_topic
from gerai.contracts.queue import TicketIssued
from tests.integration.crowd import seated
from tests.integration.ground import Ground
from tests.integration.people import Acknowledged, Doors, Kiosk, Officer
from tests.integration.register import TENANT

KIOSKS, DESKS = 4, 8
PACE_S = 0.1


@dataclass
class Load:
    """What goes on until `ended`."""

    doors: Doors
    dice: random.Random
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def _pause(self) -> None:
        await asyncio.sleep(PACE_S * self.dice.uniform(0.5, 1.5))

    async def draw(self, kiosk: Kiosk, services: Sequence[str]) -> None:
        while not self.ended.is_set():
            priority = "disability" if self.dice.random() < 0.2 else None
            await kiosk.issue(self.dice.choice(services), priority=priority)
            await self._pause()

    async def work(self, officer: Officer) -> None:
        while not self.ended.is_set():
            if await officer.call_next() is None:
                await self._pause()
                continue
            step = self.dice.random()
            if step < 0.2:
                await officer.do("hold", reason="copy_documents")
                continue
            await officer.do("start")
            await self._pause()
            await officer.do("finish")


@asynccontextmanager
async def under_load(
    doors: Doors, counter: str, services: Sequence[str], *, seed: int
) -> AsyncIterator[Load]:
    """Kiosks and desks at work for as long as the block runs; it ends when everybody's last command is answered."""
    load = Load(doors, random.Random(seed))
    officers = await seated(doors, counter, DESKS)
    tasks = [
        *(asyncio.create_task(load.draw(Kiosk(doors, door=n), services)) for n in range(KIOSKS)),
        *(asyncio.create_task(load.work(officer)) for officer in officers),
    ]
    try:
        yield load
    finally:
        load.ended.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert not failed, f"somebody was turned away: {failed[:3]}"


async def drained(ground: Ground, *, within: float) -> None:
    """The backlog is gone, by itself."""
    for database in ("queue", "hourly"):
        await eventually(
            lambda database=database: ground.backlog(database=database),
            lambda left: left == 0,
            because=f"the outbox of {database} drains by itself",
            within=within,
            every=0.2,
        )


async def require_promises_kept(
    ground: Ground, acknowledged: Sequence[Acknowledged], *, within: float = 60
) -> Subscriber:
    """Acknowledged is durable; committed is told, and nothing else is; once, in order; and it has its effect once."""
    await drained(ground, within=within)
    promised = await _outbox(ground)
    lost = [
        (ack.path, ack.body["number"])
        for ack in acknowledged
        if "version" in ack.body and (f"tickets:{ack.body['id']}", ack.body["version"]) not in promised
    ]
    assert not lost, f"{len(lost)} acknowledged commands are not in MongoDB: {lost[:5]}"
    told = await read_topic(ground.platform.kafka_bootstrap, "queue.tickets")
    ids = set(promised.values())
    assert ids - told.by_id.keys() == set(), "committed, and never told"
    assert told.by_id.keys() - ids == set(), "told, and never committed"
    assert told.twins() == {}
    assert told.gaps() == {}
    assert told.out_of_order() == {}
    await _require_states_to_match(ground, told)
    await _require_counted_once(ground, told)
    return told


async def _outbox(ground: Ground) -> dict[tuple[str, int], str]:
    rows = ground.collection("outbox").find({"topic": "queue.tickets"}, {"aggregate": 1, "version": 1})
    return {(row["aggregate"], row["version"]): row["_id"] async for row in rows}


async def _require_states_to_match(ground: Ground, told: Subscriber) -> None:
    """The last event of each ticket is the state that it is in."""
    stored = {
        one["_id"]: one async for one in ground.collection("tickets").find({}, {"version": 1, "state": 1})
    }
    last: dict[str, Any] = {}
    for envelope in told.by_id.values():
        if envelope.subject not in last or last[envelope.subject].sequence < envelope.sequence:
            last[envelope.subject] = envelope
    wrong = {
        id: (one["version"], one["state"])
        for id, one in stored.items()
        if id not in last or (last[id].sequence, last[id].event.to_state) != (one["version"], one["state"])
    }
    assert wrong == {}, f"{len(wrong)} tickets differ from what was told: {list(wrong.items())[:5]}"


async def _require_counted_once(ground: Ground, told: Subscriber) -> None:
    issued = sum(
        isinstance(one.event, TicketIssued) and one.event.tenant == TENANT for one in told.by_id.values()
    )

    async def counted() -> int:
        hours = ground.collection("hours", database="hourly").find({"tenant": TENANT})
        return sum([hour["tickets"] async for hour in hours])

    await eventually(counted, lambda seen: seen >= issued, because=f"{issued} tickets are counted", within=60)
    assert await counted() == issued, "counted more often than issued"
