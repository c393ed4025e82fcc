"""Many people at once: kiosks that draw numbers, officers that call until nobody waits."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.integration.people import Doors, Kiosk, Officer
from tests.integration.register import desk_id

KIOSKS = 64
PRIORITY_SHARE = 0.25


async def draw_numbers(
    doors: Doors, services: Sequence[str], *, seed: int, kiosks: int = KIOSKS
) -> list[dict[str, Any]]:
    """One ticket for each entry of `services`, in any order, by kiosks that all work at once."""
    dice = random.Random(seed)
    wanted = [(service, "elderly" if dice.random() < PRIORITY_SHARE else None) for service in services]
    issued: list[dict[str, Any]] = []

    async def work(kiosk: Kiosk) -> None:
        while wanted:
            service, priority = wanted.pop()
            issued.append(await kiosk.issue(service, priority=priority))

    await asyncio.gather(*(work(Kiosk(doors, door=number)) for number in range(kiosks)))
    return issued


async def seated(doors: Doors, counter: str, desks: int) -> list[Officer]:
    """An officer at each desk, spread over the replicas."""
    officers = [Officer(doors, door=number, desk=desk_id(counter, number)) for number in range(1, desks + 1)]
    await asyncio.gather(*(officer.sit_down() for officer in officers))
    return officers


async def serve(officer: Officer) -> None:
    await officer.do("start")
    await officer.do("finish")


async def put_aside(officer: Officer) -> None:
    await officer.do("hold", reason="copy_documents")


async def call_until_empty(
    officers: Sequence[Officer], then: Callable[[Officer], Awaitable[None]]
) -> list[dict[str, Any]]:
    """All officers call at once, again and again, until nobody waits."""
    called: list[dict[str, Any]] = []

    async def work(officer: Officer) -> None:
        while (ticket := await officer.call_next()) is not None:
            called.append(ticket)
            await then(officer)

    await asyncio.gather(*(work(officer) for officer in officers))
    return called
