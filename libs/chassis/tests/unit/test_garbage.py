"""A request that was answered is gone at once: what holds itself waits for the collector, which costs every answer."""

import gc
import json
from collections.abc import Iterator

import pytest
from notes_door import Door
from starlette.types import Message, Scope

from gerai.chassis.edge import Exchange
from gerai.chassis.traces import RequestTrace


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    """Objects of the requests of this process, those that other tests still hold among them."""
    return sum(type(one) in (Exchange, RequestTrace) for one in gc.get_objects())


async def asks(door: Door, method: str, path: str, body: bytes, key: str) -> int:
    """Plain ASGI: a client's own objects would be counted, too."""
    headers = {
        "authorization": f"Bearer {door.issuer.token()}",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "idempotency-key": key,
    }
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.0.0.1", 4711),
        "server": ("notes.test", 80),
        "scheme": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "root_path": "",
    }
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await door.edge(scope, receive, send)
    return statuses[0]


class TestWhatARequestLeaves:
    @pytest.mark.parametrize(
        ("method", "path", "text", "status"),
        [
            ("POST", "/v1/notes", "Bawa KTP", 201),
            ("POST", "/v1/notes", "closed", 409),
            ("GET", "/v1/notes", "", 200),
            ("GET", "/v1/nowhere", "", 404),
            ("GET", "/health/live", "", 200),
        ],
    )
    async def test_nothing_waits_for_the_collector(
        self, door: Door, no_collector: None, method: str, path: str, text: str, status: int
    ) -> None:
        body = json.dumps({"text": text}).encode() if text else b""
        before = alive()
        assert [await asks(door, method, path, body, f"key-{n}") for n in range(3)] == [status] * 3
        assert alive() == before
