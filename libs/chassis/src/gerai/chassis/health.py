"""Health as an orchestrator asks for it: live = progress is made, ready = requests can be served, startup = begun."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Progress = Callable[[], Mapping[str, str]]
"""Names what is stuck, and why; empty when everything moves."""
CHECK_S = 2.0
"""Shorter than an orchestrator's patience: an answer that comes too late says nothing."""


class Health:
    """What the process knows about itself."""

    def __init__(self) -> None:
        self.started = False
        self.stopping = False
        self._probes: list[Progress] = []
        self._ready: list[Callable[[], Awaitable[None]]] = []
        self._leaving: list[Callable[[], None]] = []
        self._checking: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, probe: Progress) -> Iterator[None]:
        """Liveness is progress: while this is entered, work that lives but does not move makes the process not live.

        `Work` enters it around each task. A probe is watched for exactly as long as its work runs: one that is watched
        in a process where nobody runs the work reports it as stuck for ever.
        """
        self._probes.append(probe)
        try:
            yield
        finally:
            self._probes.remove(probe)

    def require(self, check: Callable[[], Awaitable[None]]) -> None:
        """Raises while the process cannot serve."""
        self._ready.append(check)

    def at_stop(self, leave: Callable[[], None]) -> None:
        """Called when the process is asked to stop: long answers (streams) must end then."""
        self._leaving.append(leave)

    def stop(self) -> None:
        if not self.stopping:
            self.stopping = True
            for leave in self._leaving:
                leave()

    async def live(self, _: Request) -> Response:
        stuck = {name: why for probe in self._probes for name, why in probe().items()}
        return JSONResponse({"status": "stuck" if stuck else "moving", "stuck": stuck}, 503 if stuck else 200)

    async def startup(self, _: Request) -> Response:
        return JSONResponse({"started": self.started}, 200 if self.started else 503)

    async def ready(self, _: Request) -> Response:
        if not self.started or self.stopping:
            return JSONResponse({"ready": False, "why": "stopping" if self.stopping else "starting"}, 503)
        try:
            await self._checked()
        except Exception as error:  # noqa: BLE001  whatever it is, the answer is: not ready, and why
            return JSONResponse({"ready": False, "why": type(error).__name__}, 503)
        return JSONResponse({"ready": True})

    async def _checked(self) -> None:
        """Who asks while the checks run shares their result: however many ask, the database is asked by one."""
        if self._checking is None:
            self._checking = asyncio.create_task(self._check(), name="readiness")
            self._checking.add_done_callback(self._check_ended)
        await asyncio.shield(self._checking)

    async def _check(self) -> None:
        async with asyncio.timeout(CHECK_S):
            await asyncio.gather(*(check() for check in self._ready))

    def _check_ended(self, task: asyncio.Task[None]) -> None:
        self._checking = None
        if not task.cancelled():
            task.exception()  # those who asked have been told, unless they have gone

    def routes(self) -> list[Route]:
        return [
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/health/startup", self.startup),
        ]
