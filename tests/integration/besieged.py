"""Officers of one replica at work while somebody attacks it, with a stop-watch."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from bench.http_load import percentile

from local.places import ROOT
from tests.integration.attackers import BEGINS_S
from tests.integration.people import Kiosk, Officer

PACE_S = 0.04


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

    async def _timed(self, act: Callable[[], Awaitable[Any]]) -> None:
        begun = time.perf_counter()
        await act()
        self.took.append(time.perf_counter() - begun)


@asynccontextmanager
async def attacked(
    name: str, url: str, seconds: float, *, token: str
) -> AsyncIterator[dict[str, dict[str, int]]]:
    """In the midst of an attack; `token` is for attackers who have one. What they were answered stands in the dictionary
    afterwards."""
    port = str(urlsplit(url).port)
    arguments = ("-m", "tests.integration.attackers", name, port, str(seconds))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"GERAI_ATTACKERS_TOKEN": token},
    )
    assert process.stdout is not None
    seen: dict[str, dict[str, int]] = {}
    try:
        await asyncio.wait_for(process.stdout.readline(), BEGINS_S)
        yield seen
        said, _ = await asyncio.wait_for(process.communicate(), seconds + 20)
        assert process.returncode == 0, f"the attackers of {name} ended with {process.returncode}"
        seen |= json.loads(said)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
