"""What a large body costs the process that takes it: memory, at its highest."""

import os
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench.figure import Figure
from gerai.chassis.testing import ServiceProcess, service_process
from local.places import ROOT
from local.platform import Platform

SIZE = 50 * 1024 * 1024
PIECE = os.urandom(64 * 1024)
PAPERS = ROOT / "libs" / "chassis" / "tests"
RUN = "import sys; sys.path.insert(0, sys.argv[1]); from papers import service; from gerai.chassis import run; run(service)"
ADDRESS = "/v1/applications/izin-1/papers/surat-tanah"


async def upload_memory(platform: Platform) -> Figure:
    """A paper of 50 MB through the edge of the chassis' example service, which writes it to a folder, and back."""
    with tempfile.TemporaryDirectory(prefix="bench-shelf-") as shelf:
        async with _papers(platform, Path(shelf)) as process:
            token = platform.token("admin")
            async with httpx.AsyncClient(
                base_url=process.address,
                headers={"authorization": f"Bearer {token}"},
                trust_env=False,
                timeout=120,
            ) as client:
                await _send(client, len(PIECE) * 16)  # what is loaded with the first upload is no upload's
                before = _memory(process, "VmRSS")
                _forget_peak(process)
                begun = time.perf_counter()
                paper = await _send(client, SIZE)
                seconds = time.perf_counter() - begun
                sent = _memory(process, "VmHWM") - before
                _forget_peak(process)
                back = await _read(client, paper)
                read = _memory(process, "VmHWM") - before
    return Figure(
        id="upload_memory",
        value=max(sent, read),
        unit="MB",
        detail=f"{SIZE / 2**20:.0f} MiB in {seconds:.1f} s: highest {sent:.1f} MB above the {before:.0f} MB before; "
        f"{back / 2**20:.0f} MiB back: {read:.1f} MB",
    )


@asynccontextmanager
async def _papers(platform: Platform, shelf: Path) -> AsyncIterator[ServiceProcess]:
    settings = {
        "roles": "api",
        "mongodb_uri": platform.mongodb_uri,
        "mongodb_database": "bench_papers",
        "issuer": platform.issuer_url,
        "jwks_url": f"{platform.issuer_url}/jwks.json",
        "shelf": str(shelf),
    }
    async with service_process(("-c", RUN, str(PAPERS)), keeps_log=False, **settings) as process:
        await process.reaches("/health/ready", 200)
        yield process


async def _send(client: httpx.AsyncClient, size: int) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(PIECE)):
            yield PIECE

    headers = {
        "content-type": "application/pdf",
        "content-length": str(size),
        "idempotency-key": uuid.uuid4().hex,
    }
    answer = await client.post(ADDRESS, content=pieces(), headers=headers)
    answer.raise_for_status()
    assert answer.json()["size"] == size
    paper: str = answer.json()["id"]
    return paper


async def _read(client: httpx.AsyncClient, paper: str) -> int:
    size = 0
    async with client.stream("GET", f"/v1/papers/{paper}/content") as answer:
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            size += len(piece)
    assert size == SIZE
    return size


def _memory(process: ServiceProcess, name: str) -> float:
    """Megabytes, as the kernel counts them: `VmRSS` now, `VmHWM` the highest since the peak was forgotten."""
    status = Path(f"/proc/{process.process.pid}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024 / 1e6


def _forget_peak(process: ServiceProcess) -> None:
    Path(f"/proc/{process.process.pid}/clear_refs").write_text("5", encoding="ascii")
