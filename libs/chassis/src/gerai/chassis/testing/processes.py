"""A service as it is deployed: a process of its own, with its settings in the environment, seen from outside."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from gerai.chassis.testing.contexts import ISSUER, NOWHERE
from gerai.chassis.testing.waiting import eventually


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServiceProcess:
    """Its front door, and its end."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, operator_port: int) -> None:
        self.process = process
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=self.address, trust_env=False)
        self.operators = httpx.AsyncClient(base_url=f"http://127.0.0.1:{operator_port}", trust_env=False)

    async def status_of(self, path: str, *, at: httpx.AsyncClient | None = None) -> int | str:
        """The status, or the name of what kept it from answering."""
        try:
            return (await (at or self.http).get(path)).status_code
        except httpx.TransportError as error:
            return type(error).__name__

    async def reaches(self, path: str, status: int, *, within: float = 60.0) -> None:
        """Raises AssertionError at once where the process has ended."""

        async def look() -> int | str:
            assert self.process.returncode is None, f"it ended with {self.process.returncode}"
            return await self.status_of(path)

        await eventually(look, lambda seen: seen == status, because=f"{path} answers {status}", within=within)

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def end(self, *, within: float = 30.0) -> tuple[int, list[dict[str, Any]]]:
        """Its exit status and its log."""
        output, _ = await asyncio.wait_for(self.process.communicate(), within)
        lines = [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]
        return self.process.returncode or 0, lines


@asynccontextmanager
async def service_process(
    arguments: Sequence[str], *, keeps_log: bool = True, **settings: str
) -> AsyncIterator[ServiceProcess]:
    """Python with these arguments (`"-m", "gerai.hourly"`) and settings (`roles="worker"`). One that is not stated is free,
    or somewhere where nobody listens. Killed at the end where it still runs. One that says more than 64 KiB before its end
    is read must not keep its log: it would wait."""
    port = int(settings.pop("http_port", 0)) or free_port()
    operator_port = int(settings.pop("operator_port", 0)) or free_port()
    stated = {"environment": "development", "mongodb_uri": NOWHERE, "kafka_bootstrap": "127.0.0.1:1"}
    stated |= {"issuer": ISSUER, "jwks_url": f"{ISSUER}/jwks"}
    stated |= {"http_port": str(port), "operator_port": str(operator_port), **settings}
    env = os.environ | {f"GERAI_{name.upper()}": value for name, value in stated.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE if keeps_log else None
    )
    running = ServiceProcess(process, port, operator_port)
    try:
        yield running
    finally:
        await running.http.aclose()
        await running.operators.aclose()
        if process.returncode is None:
            process.kill()
            await process.wait()
