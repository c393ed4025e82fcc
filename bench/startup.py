"""A warm `make up`, from the command to the first ticket."""

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from bench.figure import Figure
from local import places, ports
from local.ledger import wipe
from local.tokens import Issuer

LIMIT_S = 180.0
CREATED = 201
OPEN = datetime(2026, 12, 1, 9, 0, tzinfo=ZoneInfo("Asia/Makassar"))
"""A Tuesday morning without a holiday: whenever the bench runs, the doors are open and a number is given."""

_PROFILE = "anchored"
"""The folder of a platform whose clock the shell sets, as here."""


async def warm_start() -> Figure:
    """The first start makes the data and the Java archives; the second one is timed."""
    data = places.data_dir("bench-start")
    wipe(data / _PROFILE)
    env = {
        **os.environ,
        "PYTHONPATH": str(places.ROOT / "deploy"),
        "GERAI_DATA_DIR": str(data),  # a developer's own data get no tickets from here
        "GERAI_CLOCK_ANCHOR_REAL": datetime.now(UTC).isoformat(),
        "GERAI_CLOCK_ANCHOR_BUSINESS": OPEN.isoformat(),
    }
    await _start_once(env, data)
    seconds = await _start_once(env, data)
    return Figure(
        id="warm_start",
        value=seconds,
        unit="s",
        detail="from starting the command to the first number that is given",
    )


async def _start_once(env: Mapping[str, str], data: Path) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.up",
        cwd=places.ROOT,
        env=env,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            await _first_ticket(process, data)
        return time.perf_counter() - begun
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _first_ticket(process: asyncio.subprocess.Process, data: Path) -> None:
    configured = ports.configured()
    issuer = f"http://{ports.HOST}:{configured['issuer']}"
    url = f"http://{ports.HOST}:{configured['queue']}/v1/tickets"
    async with httpx.AsyncClient(timeout=5) as client:
        while process.returncode is None:
            try:
                token = Issuer.at(data / _PROFILE / "issuer", url=issuer).mint("kiosk")
                answer = await client.post(
                    url,
                    json={"service_id": "dpmptsp-nib"},
                    headers={"authorization": f"Bearer {token}", "idempotency-key": uuid.uuid4().hex},
                )
                if answer.status_code == CREATED:
                    return
            except (httpx.HTTPError, OSError):
                await asyncio.sleep(0.05)  # it is on its way up
            await asyncio.sleep(0.05)
    raise RuntimeError("the platform did not start")
