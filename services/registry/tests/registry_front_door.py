"""The registry's front door in one process: the real application as operators reach it (the API and its
description), a caller with a real token, any storage."""

import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from registry_builders import MORNING, TENANT

from gerai.chassis.auth import Authenticator
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.keys import Keys
from gerai.chassis.service import application, operators
from gerai.chassis.service_context import ServiceContext
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import connect
from gerai.messaging.storage import Storage
from gerai.registry.bootstrap import assemble, service
from gerai.registry.settings import RegistrySettings

ISSUER = "http://issuer.test"
KEY = ec.generate_private_key(ec.SECP256R1())


class FixedClock:
    def now(self):
        return MORNING


def settings(**more: Any) -> RegistrySettings:
    stated = {
        "environment": "development",
        "mongodb_uri": "mongodb://127.0.0.1:1",
        "kafka_bootstrap": "127.0.0.1:1",
        "issuer": ISSUER,
        "jwks_url": f"{ISSUER}/jwks",
    }
    return RegistrySettings(**{**stated, **more})


def token(*, role: str, tenant: str) -> str:
    now = int(time.time())
    claims = {"sub": f"{role}-1", "tenant": tenant, "roles": [role], "iss": ISSUER, "aud": "gerai"}
    times = {"exp": now + 600, "nbf": now - 10}
    return jwt.encode({**claims, **times}, KEY, algorithm="ES256", headers={"kid": "k1"})


def jwks() -> dict[str, Any]:
    """Our issuer's public key, as it publishes it."""
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return {"keys": [{**public, "kid": "k1", "alg": "ES256"}]}


def trusting(app: FastAPI) -> FastAPI:
    """The application, with our key as its issuer's."""

    async def fetch() -> dict[str, Any]:
        return jwks()

    app.state.authenticator = Authenticator(Keys(fetch), issuer=ISSUER, audience="gerai")
    return app


@asynccontextmanager
async def front_door(storage: Storage) -> AsyncIterator[Edge]:
    async with GroupCommit(storage, source="/gerai/registry") as commit:
        service_context = ServiceContext(
            source="/gerai/registry",
            settings=settings(),
            clock=FixedClock(),
            database=connect("mongodb://127.0.0.1:1", "never_asked"),
            storage=storage,
            commit=commit,
            health=Health(),
        )
        app = trusting(application(service, service_context, assemble(service_context)))
        yield Edge(operators(app))
        await service_context.database.close()


class Client:
    """A caller with a token, who sends what a careful client sends."""

    def __init__(
        self, door: Any, *, role: str = "registrar", tenant: str = TENANT, patience_s: float = 5.0
    ) -> None:
        """`door`: an application in this process, or the address of one in another."""
        self.tenant = tenant
        inside = {"transport": httpx.ASGITransport(app=door), "base_url": "http://registry.test"}
        self._http = httpx.AsyncClient(
            **({"base_url": door} if isinstance(door, str) else inside),
            timeout=patience_s,
            headers={
                "authorization": f"Bearer {token(role=role, tenant=tenant)}",
                "accept-language": "en",
            },
        )

    async def gets(self, path: str, **query: Any) -> httpx.Response:
        return await self._http.get(path, params=query)

    async def posts(self, path: str, body: Any, *, key: str | None = None, **query: Any) -> httpx.Response:
        headers = {"idempotency-key": key or uuid.uuid4().hex}
        return await self._http.post(path, json=body, headers=headers, params=query)

    async def puts(self, path: str, body: Any, *, etag: str | None) -> httpx.Response:
        return await self._http.put(path, json=body, headers={"if-match": etag} if etag else {})

    async def withdraws(self, path: str, *, etag: str) -> httpx.Response:
        return await self._http.delete(path, headers={"if-match": etag})

    async def sends(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        return await self._http.request(method, path, content=content, headers=dict(headers))
