"""The platform that the drills run on, with the means to hurt it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo import AsyncMongoClient

from local.platform import Platform
from tests.parts import on_loop

T = TypeVar("T")


@dataclass
class Ground:
    """A running platform; its processes are looked after by a loop of another thread."""

    platform: Platform
    loop: asyncio.AbstractEventLoop
    mongo: "AsyncMongoClient[dict[str, Any]] | None" = None

    async def _there(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await on_loop(coroutine, self.loop)

    async def kill(self, name: str) -> None:
        """kill -9, without a goodbye."""
        await self._there(self.platform.process(name).kill())

    async def start(self, name: str) -> None:
        await self._there(self.platform.process(name).start())

    async def stop(self, name: str) -> None:
        await self._there(self.platform.process(name).stop())

    async def restart(self, name: str) -> None:
        await self._there(self.platform.process(name).restart())

    def freeze(self, name: str) -> None:
        """It keeps its connections and does nothing; `thaw` lets it go on."""
        os.killpg(self.platform.process(name).pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self.platform.process(name).pid, signal.SIGCONT)

    def collection(self, name: str, *, database: str = "queue") -> Any:
        """Of a service's own database, read as it is durable."""
        assert self.mongo is not None
        return self.mongo.get_database(database).get_collection(name)

    async def backlog(self, *, database: str = "queue") -> int:
        return int(await self.collection("outbox", database=database).count_documents({"pending": True}))


@asynccontextmanager
async def grounded(running: AbstractAsyncContextManager[Platform]) -> AsyncIterator[Any]:
    """For `tests.parts.in_background`: a platform together with the loop that looks after it."""
    async with running as platform:
        yield Ground(platform, asyncio.get_running_loop())
