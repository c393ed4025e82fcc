"""What the document says of the display feed's frames is what comes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from queue_builders import MORNING
from queue_display import listening
from queue_front_door import Client, Door, front_door

from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.adapters.display_feed import frame_of
from gerai.queue.domain.display import DisplayKind, Shown
from gerai.register.testing import SMALL, tell

FEED = "/v1/sites/{site_id}/display/feed"
CHANGE = {"at": MORNING, "zone": "mpp", "counter_id": "c", "counter": "C", "service_id": "s"}
TICKET = {"number": "A-001", "local_day": "2026-11-23", "desk_id": "loket-1", "desk": "Loket 1", "call": 1}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with front_door(tell(MemoryStorage(), *SMALL)) as found:
        await found.background("register").__self__.refresh()
        yield found


async def described(door: Door) -> tuple[dict[str, Any], dict[str, Draft202012Validator]]:
    """The feed's operation, and by kind of frame what its data must be."""
    document = (await Client(door, None).gets("/openapi.json")).json()
    operation = document["paths"][FEED]["get"]
    frames = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]["items"]["oneOf"]
    data = {
        frame["properties"]["event"]["const"]: Draft202012Validator(
            # a reference leads into the document
            {**document, **frame["properties"]["data"]["contentSchema"]}
        )
        for frame in frames
    }
    return operation, data


async def test_each_kind_of_frame_has_a_schema_that_its_data_keep(door: Door) -> None:
    _, data = await described(door)
    assert set(data) == {"snapshot", *DisplayKind}
    for kind in DisplayKind:
        for change in ({**CHANGE, **TICKET, "announcement": "Nomor"}, CHANGE):
            frame = frame_of(Shown(kind=kind, **change), id="1").decode()
            fields = dict(line.split(": ", 1) for line in frame.splitlines() if line)
            said = json.loads(fields["data"])
            data[fields["event"]].validate(said)
            others = [other for other in DisplayKind if other is not kind]
            assert not any(data[other].is_valid(said) for other in others)
        assert not data[kind].is_valid({"kind": kind})


async def test_the_feed_begins_with_what_the_document_says(door: Door) -> None:
    operation, data = await described(door)
    assert [one["name"] for one in operation["parameters"]][:4] == [
        "site_id",
        "zone",
        "last_event_id",
        "Last-Event-ID",
    ]
    async with listening(door) as display:
        await display.until(lambda one: one.heard)
    _, event, board = display.heard[0]
    data[event].validate(board)
    assert not data[event].is_valid({**board, "called": [{}]})
