"""The hall's displays: a feed that goes on at any replica, whatever happens to Kafka."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gerai.chassis.testing import eventually
from tests.integration.crowd import seated
from tests.integration.ground import Ground
from tests.integration.people import Display, Doors, Frame, Kiosk, Officer, Person
from tests.integration.register import SITE
from tests.parts import Broker

pytestmark = pytest.mark.timeout(120)


@dataclass
class Seen:
    """What stands on one screen."""

    frames: list[Frame] = field(default_factory=list)

    @property
    def last(self) -> str | None:
        return next((one.id for one in reversed(self.frames) if one.id), None)

    @property
    def called(self) -> list[str]:
        return [
            one.data["number"]
            for one in self.frames
            if one.event == "called" and one.data["counter_id"] == "layar"
        ]

    @property
    def ids(self) -> list[str | None]:
        return [one.id for one in self.frames]


@asynccontextmanager
async def watching(doors: Doors, *, door: int, last: str | None = None) -> AsyncIterator[Seen]:
    """A screen at one replica, for as long as the block runs."""
    seen = Seen()
    display = Display(doors)
    async with display.feed(SITE, door=door, last=last) as frames:

        async def read() -> None:
            async for frame in frames:
                seen.frames.append(frame)

        task = asyncio.create_task(read())
        try:
            yield seen
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _calls(doors: Doors, officers: list[Officer], count: int) -> list[str]:
    """That many visitors come and are called, by desks at all replicas at once."""
    await asyncio.gather(*(Kiosk(doors, door=number).issue("layar-satu") for number in range(count)))
    numbers: list[str] = []

    async def work(officer: Officer) -> None:
        while len(numbers) < count and (ticket := await officer.call_next()) is not None:
            numbers.append(ticket["number"])
            await officer.do("hold", reason="copy_documents")

    await asyncio.gather(*(work(officer) for officer in officers))
    return numbers


async def _shows(seen: Seen, numbers: list[str], because: str) -> None:
    async def called() -> set[str]:
        return set(seen.called)

    await eventually(called, lambda shown: shown >= set(numbers), because=because, within=20)


async def test_a_display_goes_on_at_another_replica(ground: Ground, doors: Doors) -> None:
    """From any event on: everything after it, in the same order on all replicas, and nothing twice."""
    officers = await seated(doors, "layar", 8)
    async with watching(doors, door=0) as first:
        numbers = await _calls(doors, officers, 24)
        await _shows(first, numbers, "a screen shows every call")
        begun = first.frames[0]
    assert begun.event == "snapshot"
    told = [frame for frame in first.frames if frame.event != "snapshot"]
    assert max(Counter(first.called).values()) == 1
    for door in (1, 2, 3):
        for place in (0, len(told) // 2, len(told) - 6):
            async with watching(doors, door=door, last=told[place].id) as resumed:
                await _goes_on(resumed, told, place)


async def test_a_browser_goes_on_at_another_replica_with_a_ticket(ground: Ground, doors: Doors) -> None:
    """Given at one replica, opened at another; the place to go on from stands in the address."""
    officers = await seated(doors, "layar", 8)
    async with watching(doors, door=0) as first:
        numbers = await _calls(doors, officers, 8)
        await _shows(first, numbers, "a screen shows every call")
    told = [frame for frame in first.frames if frame.event != "snapshot"]
    display = Display(doors)
    ticket = await display.ticket(SITE, door=1)
    async with display.feed_as_browser(SITE, door=2, ticket=ticket, last=told[0].id) as frames:
        resumed = [await anext(frames) for _ in told[1:]]
    assert [frame.id for frame in resumed] == [frame.id for frame in told[1:]]
    again = await Person(doors).send("GET", f"/v1/sites/{SITE}/display/feed?ticket={ticket}", door=2)
    assert (again.status_code, again.json()["code"]) == (401, "invalid_ticket")


async def _goes_on(resumed: Seen, told: list[Frame], place: int) -> None:
    expected = [frame.id for frame in told[place + 1 :]]

    async def ids() -> list[str | None]:
        return resumed.ids

    await eventually(ids, lambda seen: len(seen) >= len(expected), because="what was missed comes", within=10)
    assert resumed.ids[: len(expected)] == expected, "another order than at the first replica"


async def test_a_display_survives_the_death_of_its_replica(ground: Ground, doors: Doors) -> None:
    """kill -9; it comes back elsewhere with its last id, and later at the replica that was started again. An event
    may come twice then, with the id that it had; none is missing."""
    officers = await seated(doors, "layar", 8)
    async with watching(doors, door=2) as first:
        before = await _calls(doors, officers, 8)
        await _shows(first, before, "calls before the death")
        await ground.kill("queue-3")
    try:
        missed = await _calls(doors, officers, 16)
        async with watching(doors, door=3, last=first.last) as elsewhere:
            await _shows(elsewhere, missed, "what was missed while changing the replica")
    finally:
        await ground.start("queue-3")
    later = await _calls(doors, officers, 8)
    for place in range(0, len(first.frames), 5):
        if first.frames[place].event == "snapshot":
            continue
        async with watching(doors, door=2, last=first.frames[place].id) as again:
            await _shows(again, [*missed, *later], "a replica that has just started knows what was missed")
            unseen = {one.id for one in first.frames[place + 1 :]} - set(again.ids)
            assert not unseen, f"lost after {first.frames[place].id}: {unseen}"


async def test_displays_need_no_kafka(ground: Ground, doors: Doors, broker: Broker) -> None:
    officers = await seated(doors, "layar", 8)
    async with watching(doors, door=1) as seen:
        broker.freeze()
        try:
            numbers = await _calls(doors, officers, 8)
            await _shows(seen, numbers, "calls are shown while Kafka is away")
        finally:
            broker.thaw()


async def test_an_unknown_place_begins_with_the_board(ground: Ground, doors: Doors) -> None:
    await Kiosk(doors).issue("layar-satu")
    officer = Officer(doors, desk="layar-1")
    await officer.sit_down()
    called = await officer.call_next()
    assert called is not None
    for door in range(4):
        async with watching(doors, door=door, last="01a2105c-0000-7000-8000-000000000000") as seen:

            async def frames(seen: Seen = seen) -> list[Frame]:
                return seen.frames

            (snapshot, *_) = await eventually(frames, bool, because="a board comes first")
        assert snapshot.event == "snapshot"
        assert called["number"] in {one["number"] for one in snapshot.data["called"]}
    await officer.do("hold", reason="copy_documents")
