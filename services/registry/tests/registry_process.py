"""The registry as it is deployed: a process of its own, with its settings in the environment."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from registry_front_door import ISSUER, jwks
from tests.eventually import eventually


@contextlib.contextmanager
def _issuer() -> Iterator[str]:
    """Publishes our key; the address of its keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(jwks()).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/jwks"
        server.shutdown()
        thread.join()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def registry_process(*, mongodb_uri: str, database: str, kafka_bootstrap: str) -> AsyncIterator[str]:
    """Its address. Stopped as an orchestrator stops it, and it must end in good order."""
    async with killable_registry(
        mongodb_uri=mongodb_uri, database=database, kafka_bootstrap=kafka_bootstrap
    ) as (address, process):
        yield address
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


@asynccontextmanager
async def killable_registry(
    *, mongodb_uri: str, database: str, kafka_bootstrap: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Its address, and the process itself."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    with _issuer() as keys:
        told = {
            "GERAI_ENVIRONMENT": "development",
            "GERAI_HTTP_PORT": str(port),
            "GERAI_MONGODB_URI": mongodb_uri,
            "GERAI_MONGODB_DATABASE": database,
            "GERAI_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "GERAI_ISSUER": ISSUER,
            "GERAI_JWKS_URL": keys,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gerai.registry", env={**os.environ, **told}
        )
        try:
            await _ready(address, process)
            yield address, process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _ready(address: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(base_url=address) as http:

        async def look() -> int:
            assert process.returncode is None, f"the registry ended with {process.returncode}"
            try:
                return (await http.get("/health/ready")).status_code
            except httpx.TransportError:
                return 0

        await eventually(look, lambda status: status == 200, because="the registry becomes ready", within=60)
