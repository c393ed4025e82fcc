"""The front door of `notes`: the real application in this process, on any storage, with an issuer of our own."""

import uuid
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

import httpx
import notes

from gerai.chassis import testing
from gerai.chassis.service_context import Service
from gerai.chassis.settings import Settings
from gerai.chassis.testing import settings_of
from gerai.messaging.memory.storage import MemoryStorage


class Client(testing.Client):
    """A caller with notes."""

    async def adds(self, body: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
        sent = {"idempotency-key": key or uuid.uuid4().hex} | headers
        return await self.http.post("/v1/notes", json=body, headers=sent)

    async def sends(self, content: Any, **headers: str) -> httpx.Response:
        sent = {"content-type": "application/json", "idempotency-key": uuid.uuid4().hex} | headers
        return await self.http.post("/v1/notes", content=content, headers=sent)


class Door(testing.Door):
    client_kind: ClassVar[type[testing.Client]] = Client


def settings(kind: type[Settings] = notes.NotesSettings, **more: Any) -> Settings:
    return settings_of(kind, **more)


def notes_door(
    storage: MemoryStorage, service: Service = notes.service, **more: Any
) -> AbstractAsyncContextManager[Door]:
    return Door.opened(service, storage, **more)
