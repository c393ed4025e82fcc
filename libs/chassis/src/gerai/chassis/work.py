"""The tasks that run beside the server, for as long as the process lives."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

import structlog

from gerai.chassis.health import Health
from gerai.chassis.service_context import Background

log = structlog.get_logger(__name__)

LEAST_S = 1.0


class Deadline:
    """A graceful stop has one time-out for all its parts; it begins when the stop is asked for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None

    def begin(self) -> None:
        self._ends = self._ends or time.monotonic() + self._seconds

    def left(self) -> float:
        """Seconds; never less than a moment, so that each part gets its chance."""
        self.begin()
        assert self._ends is not None
        return max(LEAST_S, self._ends - time.monotonic())


class Work:
    """Work that ends by itself stops the process: better a restart that everybody sees than a part that is
    silently gone."""

    def __init__(self, health: Health, *, on_failure: Callable[[], None]) -> None:
        self._health = health
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.failure: BaseException | None = None

    def start(self, background: Background) -> None:
        """Run it until the process stops. Its progress counts for liveness from now on."""

        async def watched() -> None:
            with self._health.watching(background.progress):
                await background.run()

        self._task(background.name, watched, endless=True)

    def start_up(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Run what begins everything else, and then ends."""

        async def body() -> None:
            await begin()

        self._task("start-up", body, endless=False)

    def _task(self, name: str, body: Callable[[], Coroutine[None, None, None]], *, endless: bool) -> None:
        task = asyncio.create_task(body(), name=name)
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, endless=endless))

    def _ended(self, task: asyncio.Task[None], *, endless: bool) -> None:
        self._tasks.discard(task)
        if self._stopping and task.cancelled():
            return
        error = RuntimeError(f"{task.get_name()} was cancelled") if task.cancelled() else task.exception()
        if error is None and (not endless or self._stopping):
            return
        failure = error or RuntimeError(f"{task.get_name()} ended")
        log.error("work-ended", task=task.get_name(), exc_info=failure)
        if not self._stopping:
            self.failure = self.failure or failure
            self._on_failure()

    async def stop(self, deadline: Deadline) -> None:
        """Cancel everything and wait for it, as long as there is time."""
        self._stopping = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, stubborn = await asyncio.wait(tasks, timeout=deadline.left())
        if stubborn:
            log.error("work-abandoned", tasks=sorted(task.get_name() for task in stubborn))
