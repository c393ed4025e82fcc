"""Nobody shuts others out: whatever a stranger does to a process, officers work on, and its memory comes back."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import psutil
import pytest
from bench.http_load import percentile

from local.places import ROOT
from tests.eventually import eventually
from tests.integration.attackers import ATTACKS
from tests.integration.crowd import seated
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Officer, connection
from tests.integration.register import TENANT, desk_id

SECONDS = 5.0
OFFICERS = 4
PACE_S = 0.04
QUICK_S = 0.015
"""Where an idle process answers faster, a slow turn of this machine's two cores would decide."""
SLOWER = 4
GROWN_MB, LEFT_MB = 150, 50
MB = 2**20
pytestmark = [pytest.mark.timeout(240), pytest.mark.alone]


class Work:
    """Officers of one replica at work; how long each of their requests took."""

    def __init__(self, officers: list[Officer], kiosk: Kiosk) -> None:
        self._officers = officers
        self._kiosk = kiosk
        self.took: list[float] = []

    async def for_seconds(self, seconds: float) -> float:
        """p99, in seconds."""
        self.took = []
        ends = time.monotonic() + seconds
        await asyncio.gather(*(self._one(officer, ends) for officer in self._officers), self._draw(ends))
        return percentile(self.took, 0.99)

    async def _one(self, officer: Officer, ends: float) -> None:
        while time.monotonic() < ends:
            await self._timed(officer.look)
            await asyncio.sleep(PACE_S)

    async def _draw(self, ends: float) -> None:
        while time.monotonic() < ends:
            await self._timed(lambda: self._kiosk.issue("tahan-satu"))
            await asyncio.sleep(PACE_S)

    async def _timed(self, act) -> None:
        begun = time.perf_counter()
        await act()
        self.took.append(time.perf_counter() - begun)


@asynccontextmanager
async def attacked(name: str, url: str, seconds: float) -> AsyncIterator[dict[str, dict[str, int]]]:
    """What the attackers were answered stands in the dictionary afterwards."""
    port = str(urlsplit(url).port)
    arguments = ("-m", "tests.integration.attackers", name, port, str(seconds))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    seen: dict[str, dict[str, int]] = {}
    try:
        yield seen
        said, _ = await asyncio.wait_for(process.communicate(), seconds + 20)
        seen |= json.loads(said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Patient:
    """Has one connection, and long pauses."""

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)

    async def __aenter__(self) -> "Patient":
        self._reader, self._writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def asks(self, token: str) -> int:
        self._writer.write(
            f"GET /v1/desks/{desk_id('tahan', 8)} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        await self._reader.readexactly(
            int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        )
        return int(head[9:12])


async def test_whatever_strangers_do_officers_work_on(ground: Ground, doors: Doors) -> None:
    url, operators = ground.platform.url("queue"), ground.platform.operators_url("queue")
    process = psutil.Process(ground.platform.process("queue").pid)

    async def resident() -> int:
        return int(process.memory_info().rss) // MB

    at_one = Doors([url], doors.token, doors.exits)
    work = Work(await seated(at_one, "tahan", OFFICERS), Kiosk(at_one))
    token = ground.platform.token("officer", tenant=TENANT)
    slow: dict[str, float] = {}
    async with Patient(url) as patient, connection() as client:
        assert await patient.asks(token) == 200
        await work.for_seconds(2)
        idle = max(QUICK_S, await work.for_seconds(SECONDS))
        before = peak = await resident()
        for name in ATTACKS:
            async with attacked(name, url, SECONDS + 2) as seen:
                await asyncio.sleep(1)  # it has begun, and the officers are measured in the midst of it
                p99, newcomer = await asyncio.gather(work.for_seconds(SECONDS), _comes_in(at_one))
                peak = max(peak, await resident())
                for health in ("live", "ready"):
                    assert (await client.get(f"{operators}/health/{health}")).status_code == 200, name
            print(
                f"{name}: p99 {p99 * 1e3:.1f} ms (idle {idle * 1e3:.1f}), newcomer {newcomer * 1e3:.1f} ms, "
                f"{await resident()} MB, {seen}"
            )
            assert len(work.took) > 20, name
            if p99 > SLOWER * idle:
                slow[name] = p99
            if name == "forgers":
                assert seen["answered"].get("429"), seen
        assert await patient.asks(token) == 200, "a client with long pauses keeps its connection"
    assert slow == {}, f"idle p99 is {idle}"
    assert peak - before < GROWN_MB
    await eventually(
        resident, lambda now: now - before < LEFT_MB, because="memory comes back", within=20, every=0.5
    )


async def _comes_in(doors: Doors) -> float:
    """An officer who sits down in the midst of it, on a new connection and with a token that nobody has seen."""
    begun = time.perf_counter()
    await Officer(doors, desk=desk_id("tahan", 5)).look()
    return time.perf_counter() - begun
