"""Every example of the OpenAPI page runs as shown, in a hall that is furnished with Muna Barat."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from queue_builders import minutes
from queue_display import listening
from queue_front_door import Client, Door, front_door

from gerai.contracts import registry as language
from gerai.messaging.memory.storage import MemoryStorage
from gerai.register.entries import EntryChanged
from gerai.register.testing import TENANT, tell

FILE = Path(__file__).parents[4] / "deploy" / "local" / "data" / "muna_barat.json"
A_WHILE = minutes(4)
"""Long enough to note a no-show, short enough to come back after it."""
Operation = tuple[str, str]

FEED: Operation = ("get", "/v1/sites/{site_id}/display/feed")
TICKET = "a kiosk gives a number"
OPEN, CALL, START, HOLD, MISS = (
    f"/v1/desks/dpmptsp-loket-1/{step}" for step in ("open", "call-next", "start", "hold", "no-show")
)
WAITING = (TICKET, OPEN)
CALLED = (*WAITING, CALL)
SERVING = (*CALLED, START)
BEFORE: dict[Operation, tuple[str, ...]] = {
    ("post", "/v1/tickets"): (),
    ("get", "/v1/tickets/{ticket_id}"): (TICKET,),
    ("post", "/v1/tickets/{ticket_id}/cancel"): (TICKET,),
    ("post", "/v1/tickets/{ticket_id}/reinstate"): (*CALLED, MISS),
    ("get", "/v1/visits/{link}"): (TICKET,),
    ("post", "/v1/visits/{link}/cancel"): (TICKET,),
    ("get", "/v1/desks/{desk_id}"): (),
    ("post", "/v1/desks/{desk_id}/open"): (),
    ("post", "/v1/desks/{desk_id}/call-next"): WAITING,
    ("post", "/v1/desks/{desk_id}/recall"): CALLED,
    ("post", "/v1/desks/{desk_id}/no-show"): CALLED,
    ("post", "/v1/desks/{desk_id}/return"): CALLED,
    ("post", "/v1/desks/{desk_id}/start"): CALLED,
    ("post", "/v1/desks/{desk_id}/hold"): SERVING,
    ("post", "/v1/desks/{desk_id}/resume"): (*SERVING, HOLD),
    ("post", "/v1/desks/{desk_id}/await-pickup"): SERVING,
    ("post", "/v1/desks/{desk_id}/transfer"): SERVING,
    ("post", "/v1/desks/{desk_id}/finish"): SERVING,
    ("post", "/v1/desks/{desk_id}/close"): WAITING,
    ("get", "/v1/sites/{site_id}/availability"): (),
    ("get", "/v1/sites/{site_id}/rules"): (),
    ("put", "/v1/sites/{site_id}/rules"): (),
    ("get", "/v1/sites/{site_id}/display"): (),
    ("post", "/v1/sites/{site_id}/display/stream-tickets"): (),
    ("post", "/v1/services/{service_id}/close"): (),
    ("post", "/v1/services/{service_id}/reopen"): (TICKET, "/v1/services/dpmptsp-izin-penelitian/close"),
}
"""Every operation, and what has to have happened in the hall before it."""


def muna_barat() -> list[EntryChanged]:
    """As the registry tells of the file: with what desks and services take from their counters."""
    file = json.loads(FILE.read_text(encoding="utf-8"))
    counters = {row["id"]: row for row in file["counters"]}
    events: list[EntryChanged] = []
    for section, event in (
        ("sites", language.SiteChanged),
        ("institutions", language.InstitutionChanged),
        ("counters", language.CounterChanged),
        ("services", language.ServiceChanged),
        ("desks", language.DeskChanged),
        ("calendars", language.CalendarChanged),
    ):
        for row in file[section]:
            counter = counters.get(row.get("counter_id"), {})
            derived = {name: counter[name] for name in ("site_id", "institution_id") if name in counter}
            taken = {name: value for name, value in derived.items() if name in event.model_fields}
            stated = {"tenant": TENANT, "active": True, **row, **taken}
            events.append(event.model_validate_json(json.dumps(stated)))
    return events


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with front_door(tell(MemoryStorage(), *muna_barat())) as found:
        await found.background("register").__self__.refresh()
        yield found


async def operations(door: Door) -> dict[Operation, dict[str, Any]]:
    paths = (await Client(door, None).gets("/openapi.json")).json()["paths"]
    return {
        (method, path): described for path, methods in paths.items() for method, described in methods.items()
    }


async def prepare(door: Door, steps: tuple[str, ...]) -> dict[str, str]:
    """Brings the hall so far that an example can run; what a kiosk printed on the way, by its place in examples."""
    admin = Client(door, "admin")
    printed = (await admin.posts("/v1/tickets", {"service_id": "dpmptsp-nib"})).json() if steps else {}
    for step in steps[1:]:
        door.clock.at += A_WHILE
        answer = await admin.posts(step)
        assert answer.status_code == 200, f"{step}: {answer.text}"
    door.clock.at += A_WHILE
    return {"ticket_id": printed["id"], "link": printed["link"]} if printed else {}


async def run_as_shown(
    door: Door, operation: Operation, described: dict[str, Any], made: dict[str, str]
) -> httpx.Response:
    """The request that the page sends when nothing of it is changed but what is only known at run time."""
    method, path = operation
    headers: dict[str, str] = {}
    for one in described.get("parameters", ()):
        assert "example" in one or not one["required"], f"{one['name']} shows nothing"
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", made.get(one["name"], one["example"]))
        elif one["in"] == "header" and "example" in one:
            headers[one["name"]] = one["example"]
    content = b""
    if "requestBody" in described:
        [(kind, body)] = described["requestBody"]["content"].items()
        shown = {name: made.get(name, value) for name, value in body["example"].items()}
        content, headers["content-type"] = json.dumps(shown).encode(), kind
    role = None if described["x-permission"] == "public" else "admin"
    return await Client(door, role).asks(method.upper(), path, content, headers)


@pytest.mark.parametrize("operation", list(BEFORE), ids=" ".join)
async def test_an_example_runs_as_shown(door: Door, operation: Operation) -> None:
    made = await prepare(door, BEFORE[operation])
    answer = await run_as_shown(door, operation, (await operations(door))[operation], made)
    assert answer.is_success, answer.text


async def test_the_feed_begins_as_shown(door: Door) -> None:
    """It does not end: its first frame is enough."""
    required = [one for one in (await operations(door))[FEED]["parameters"] if one["required"]]
    assert [one["name"] for one in required] == ["site_id"]
    async with listening(door, site=required[0]["example"]) as display:
        await display.until(lambda one: one.heard)
    assert (display.status, display.heard[0][1]) == (200, "snapshot")


async def test_no_operation_is_left_out(door: Door) -> None:
    assert set(await operations(door)) == {*BEFORE, FEED}
