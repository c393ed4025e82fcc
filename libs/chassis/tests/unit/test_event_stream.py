"""A display's stream ends with the display."""

import asyncio

from starlette.types import Message

from gerai.chassis.audience import Listener
from gerai.chassis.edge import Edge
from gerai.chassis.event_stream import EventStream
from gerai.chassis.ring import Ring


async def test_one_that_hangs_up_before_it_was_heard_to_the_end_leaves_its_place() -> None:
    """Also where the edge takes that for a body which never came."""
    parted: list[Listener] = []
    listener = Listener(Ring(8), None)

    async def snapshot() -> str:
        return "{}"

    stream = EventStream(listener, seconds=600, snapshot=snapshot, part=lambda: parted.append(listener))

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def nobody_hears(message: Message) -> None: ...

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/feed",
        "query_string": b"",
        "headers": [],
        "scheme": "http",
    }
    async with asyncio.timeout(5):
        await Edge(stream)(scope, gone, nobody_hears)
    assert parted == [listener]
