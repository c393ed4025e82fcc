"""A panel in the hall: listens to the feed as a browser does, straight at the application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gerai.chassis.testing import Door
from gerai.register.testing import TENANT


class Display:
    """What it heard, as (id, event, data)."""

    def __init__(self) -> None:
        self.status = 0
        self.ended = False
        self.heard: list[tuple[str | None, str, dict[str, Any]]] = []
        self._buffer = b""
        self._news = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self._reads.wait()
        self.status = message.get("status", self.status)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        self._buffer += message.get("body", b"")
        *whole, self._buffer = self._buffer.split(b"\n\n")
        for block in whole:
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
            if "data" in fields:
                self.heard.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
        self._news.set()

    def stalls(self) -> None:
        self._reads.clear()

    def reads_on(self) -> None:
        self._reads.set()

    @property
    def last_id(self) -> str | None:
        return next((id for id, _, _ in reversed(self.heard) if id is not None), None)

    def numbers(self, kind: str = "called") -> list[str]:
        return [data["number"] for _, event, data in self.heard if event == kind]

    async def until(self, holds: Any, *, within: float = 10.0) -> None:
        """Wait for what is heard; fails with what was heard instead."""
        try:
            async with asyncio.timeout(within):
                while not holds(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"heard only {[(event, data) for _, event, data in self.heard]}") from None


@asynccontextmanager
async def listening(
    door: Door,
    *,
    last_id: str | None = None,
    site: str = "mpp",
    query: str = "",
    tenant: str = TENANT,
    expires_in: int = 600,
) -> AsyncIterator[Display]:
    display = Display()
    ends = int(time.time()) + expires_in
    token = door.issuer.token_of("display", tenant=tenant, exp=ends)
    headers = [
        (b"host", b"queue.test"),
        (b"authorization", f"Bearer {token}".encode()),
    ]
    if last_id is not None:
        headers.append((b"last-event-id", last_id.encode()))
    path = f"/v1/sites/{site}/display/feed"
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("queue.test", 80),
        "state": {},
    }
    task = asyncio.create_task(door.operators_edge(scope, display.receive, display.send))
    try:
        await display.until(lambda one: one.status or task.done())
        yield display
    finally:
        display.gone.set()
        display.reads_on()
        await task
