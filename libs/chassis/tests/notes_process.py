"""`notes` as a process of its own, seen from outside."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from notes_door import ISSUER, NOWHERE
from tests.eventually import eventually

HERE = Path(__file__).parent
RUN = "import importlib, sys; sys.path.insert(0, sys.argv[1]); from gerai.chassis import run"
RUN += "; run(importlib.import_module(sys.argv[2]).service)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NotesProcess:
    """Its front door, and its end."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, operator_port: int) -> None:
        self.process = process
        self.port = port
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        self.operators = httpx.AsyncClient(base_url=f"http://127.0.0.1:{operator_port}", trust_env=False)

    async def status_of(self, path: str, *, at: httpx.AsyncClient | None = None) -> int | str:
        try:
            return (await (at or self.http).get(path)).status_code
        except httpx.TransportError as error:
            return type(error).__name__

    async def reaches(self, path: str, status: int, *, within: float = 60.0) -> None:
        await eventually(
            lambda: self.status_of(path),
            lambda seen: seen == status,
            because=f"{path} answers {status}",
            within=within,
        )

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def end(self, *, within: float = 30.0) -> tuple[int, list[dict[str, Any]]]:
        """Its exit status and its log."""
        output, _ = await asyncio.wait_for(self.process.communicate(), within)
        lines = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        return self.process.returncode or 0, lines


@asynccontextmanager
async def notes_process(module: str = "notes", **settings: str) -> AsyncIterator[NotesProcess]:
    port = int(settings.pop("http_port", 0)) or free_port()
    stated = {"environment": "development", "mongodb_uri": NOWHERE, "kafka_bootstrap": "127.0.0.1:1"}
    stated |= {"issuer": ISSUER, "jwks_url": f"{ISSUER}/jwks", "roles": "api", "http_port": str(port)}
    operator_port = int(settings.pop("operator_port", 0)) or free_port()
    stated |= {"operator_port": str(operator_port)}
    env = os.environ | {f"GERAI_{name.upper()}": value for name, value in (stated | settings).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, str(HERE), module, env=env, stdout=asyncio.subprocess.PIPE
    )
    running = NotesProcess(process, port, operator_port)
    try:
        yield running
    finally:
        await running.http.aclose()
        await running.operators.aclose()
        if process.returncode is None:
            process.kill()
            await process.wait()
