"""The queue's front door in one process: the real application as operators reach it (the API and its description),
callers with real tokens, any storage."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from queue_builders import MORNING

from gerai.chassis.auth import Authenticator
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.keys import Keys
from gerai.chassis.service import application, operators
from gerai.chassis.service_context import Background, Components, ServiceContext
from gerai.chassis.settings import Role
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Database, connect
from gerai.messaging.storage import Storage
from gerai.queue.bootstrap import assemble, service
from gerai.queue.settings import QueueSettings
from gerai.register.testing import TENANT

ISSUER = "http://issuer.test"
KEY = ec.generate_private_key(ec.SECP256R1())


class HandClock:
    """Business time that a test moves."""

    def __init__(self) -> None:
        self.at = MORNING

    def now(self) -> datetime:
        return self.at


def settings(**more: Any) -> QueueSettings:
    stated = {
        "environment": "development",
        "mongodb_uri": "mongodb://127.0.0.1:1",
        "kafka_bootstrap": "127.0.0.1:1",
        "issuer": ISSUER,
        "jwks_url": f"{ISSUER}/jwks",
    }
    return QueueSettings(**{**stated, **more})


def token(*, role: str, tenant: str = TENANT, expires_in: int = 600) -> str:
    now = int(time.time())
    claims = {"sub": f"{role}-1", "tenant": tenant, "roles": [role], "iss": ISSUER, "aud": "gerai"}
    times = {"exp": now + expires_in, "nbf": now - 10}
    return jwt.encode({**claims, **times}, KEY, algorithm="ES256", headers={"kid": "k1"})


async def _keys() -> dict[str, Any]:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return {"keys": [{**public, "kid": "k1", "alg": "ES256"}]}


class Door:
    """An application that answers, with the parts that a test looks at."""

    def __init__(
        self, app: Edge, service_context: ServiceContext, components: Components, clock: HandClock
    ) -> None:
        self.app = app
        self.service_context = service_context
        self.components = components
        self.clock = clock

    def runs_as(self, role: Role) -> list[Background]:
        """What goes on beside requests in a process of this role."""
        return [one for one in self.components.background if role in one.roles]

    def background(self, name: str) -> Any:
        return next(one.run for one in self.components.background if one.name == name)


@asynccontextmanager
async def front_door(
    storage: Storage, *, database: Database | None = None, clock: HandClock | None = None
) -> AsyncIterator[Door]:
    clock = clock or HandClock()
    asked = database or connect("mongodb://127.0.0.1:1", "never_asked")
    async with GroupCommit(storage, source="/gerai/queue") as commit:
        service_context = ServiceContext(
            source="/gerai/queue",
            settings=settings(),
            clock=clock,
            database=asked,
            storage=storage,
            commit=commit,
            health=Health(),
        )
        components = assemble(service_context)
        app = application(service, service_context, components)
        app.state.authenticator = Authenticator(Keys(_keys), issuer=ISSUER, audience="gerai")
        yield Door(Edge(operators(app)), service_context, components, clock)
        if database is None:
            await asked.close()


class Client:
    """A caller with a token, who sends what a careful client sends."""

    def __init__(self, door: Door, role: str | None, *, tenant: str = TENANT, language: str = "en") -> None:
        headers = {"accept-language": language}
        if role is not None:
            headers["authorization"] = f"Bearer {token(role=role, tenant=tenant)}"
        transport = httpx.ASGITransport(app=door.app)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://queue.test", headers=headers)

    async def gets(self, path: str, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._http.get(path, headers=sent)

    async def posts(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = {"idempotency-key": key or uuid.uuid4().hex}
        content = {"json": body} if body is not None else {}
        return await self._http.post(path, headers=headers, **content)

    async def puts(self, path: str, body: Any, *, etag: str | None) -> httpx.Response:
        return await self._http.put(path, json=body, headers={"if-match": etag} if etag else {})

    async def sends(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        return await self._http.request(method, path, content=content, headers=dict(headers))
