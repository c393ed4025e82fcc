"""The figure of the hall's displays: from the call to every one of them."""

import asyncio
import re
import time
from functools import partial
from urllib.parse import urlsplit

from bench.figure import Figure
from bench.flow import SECONDS, steady
from bench.hall import SITE, desk_ids
from bench.http_load import Connection, Request, percentile
from bench.processors import Stretch
from local.platform import Platform

CALL_RATE = 50
LISTENERS = 200
OPENED_PER_S = 50
"""Of one address, more new connections a second may be turned away, and these don't come again."""


async def call_to_feed(platform: Platform) -> Figure:
    """From the call's request to its frame at each of 200 listeners."""
    await steady(platform, 200, 4)
    token = (("authorization", f"Bearer {platform.token('admin')}"),)
    called: dict[tuple[bytes, bytes], float] = {}
    listeners = [FeedListener(platform.token("display")) for _ in range(LISTENERS)]
    url = urlsplit(platform.queue_url)
    loop = asyncio.get_running_loop()
    for listener in listeners:
        await loop.create_connection(partial(_itself, listener), url.hostname or "", url.port or 0)
        await asyncio.sleep(1 / OPENED_PER_S)
    await asyncio.sleep(2)
    free: asyncio.Queue[str] = asyncio.Queue()
    for desk in desk_ids():
        free.put_nowait(desk)

    async def one() -> None:
        desk = await free.get()
        async with Connection(platform.queue_url) as connection:
            begun = time.perf_counter()
            status, body = await connection.send(_step(desk, "call-next", token))
            if status < 300:
                number = body.partition(b'"number":"')[2].partition(b'"')[0]
                called[number, desk.encode()] = begun
                await connection.send(_step(desk, "start", token))
                await connection.send(_step(desk, "finish", token))
        free.put_nowait(desk)

    stretch = Stretch(platform).begin()
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(CALL_RATE * SECONDS)):
            await asyncio.sleep(max(0.0, begun + number / CALL_RATE - time.perf_counter()))
            group.create_task(one())
    stretch.end()
    await asyncio.sleep(1)
    for listener in listeners:
        listener.leave()
    heard = [
        (at - called[call]) * 1000 for one in listeners for call, at in one.heard.items() if call in called
    ]
    missed = len(called) * LISTENERS - len(heard)
    return Figure(
        id="call_to_feed_p95",
        value=percentile(heard, 0.95) if not missed else float("inf"),
        unit="ms",
        detail=f"{len(called)} calls at {CALL_RATE}/s, {len(heard)} frames at {LISTENERS} listeners, {missed} missed; "
        f"p50 {percentile(heard, 0.5):.0f} ms, p99 {percentile(heard, 0.99):.0f} ms; start and finish beside; "
        f"{stretch.per(len(called))}",
    )


def _step(desk: str, step: str, headers: tuple[tuple[str, str], ...]) -> Request:
    return Request(method="POST", path=f"/v1/desks/{desk}/{step}", headers=headers)


def _itself(listener: "FeedListener") -> "FeedListener":
    return listener


class FeedListener(asyncio.Protocol):
    """One display. It looks at bytes as they come: reading line by line, two hundred of them would cost more than
    the service that they listen to."""

    _CALLED = re.compile(rb'event: called\ndata: [^\n]*?"number":"([^"]+)","desk_id":"([^"]+)"')

    def __init__(self, token: str) -> None:
        self._token = token
        self._rest = b""
        self.heard: dict[tuple[bytes, bytes], float] = {}
        """(number, desk) → when it was first heard."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        path = f"/v1/sites/{SITE}/display/feed"
        transport.write(
            f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        whole, _, self._rest = (self._rest + data).rpartition(b"\n\n")
        for found in self._CALLED.finditer(whole):
            self.heard.setdefault((found[1], found[2]), now)

    def leave(self) -> None:
        self._transport.close()
