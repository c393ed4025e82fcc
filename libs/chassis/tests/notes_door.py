"""The real application of `notes` in this process, on any storage, with an issuer of our own."""

import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import notes
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from gerai.chassis.auth import Authenticator
from gerai.chassis.clock import RealClock
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.keys import Keys
from gerai.chassis.server import application, operators
from gerai.chassis.service_context import Service, ServiceContext
from gerai.chassis.settings import Settings
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import connect

ISSUER = "http://issuer.test"
NOWHERE = "mongodb://127.0.0.1:1"


class Issuer:
    """Signs tokens, and counts how often it is asked for its keys."""

    def __init__(self) -> None:
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.more: list[dict[str, Any]] = []
        self.asked = 0
        self.down = False

    async def fetch(self) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise httpx.ConnectError("the issuer is down")
        return {"keys": [self.public(kid) for kid in self.keys] + self.more}

    def public(self, kid: str) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.keys[kid].public_key()))
        return {**jwk, "kid": kid, "alg": "ES256", "use": "sig"}

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"sub": "officer-1", "tenant": "muna-barat", "roles": ["officer"], "iss": ISSUER}
        usual |= {"aud": "gerai", "exp": now + 600, "nbf": now - 10}
        return {name: value for name, value in (usual | changed).items() if value is not None}

    def token(self, *, kid: str = "k1", **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), self.keys[kid], algorithm="ES256", headers={"kid": kid})


class Client:
    """A caller with a token, who sends what a careful client sends."""

    def __init__(self, app: Any, token: str | None) -> None:
        headers = {"accept-language": "en"} | ({"authorization": f"Bearer {token}"} if token else {})
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://notes.test", headers=headers
        )

    async def gets(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query, headers=headers)

    async def adds(self, body: Any, *, key: str | None = None, **headers: str) -> httpx.Response:
        sent = {"idempotency-key": key or uuid.uuid4().hex} | headers
        return await self.http.post("/v1/notes", json=body, headers=sent)

    async def sends(self, content: Any, **headers: str) -> httpx.Response:
        sent = {"content-type": "application/json", "idempotency-key": uuid.uuid4().hex} | headers
        return await self.http.post("/v1/notes", content=content, headers=sent)


class Door:
    """The application behind its edge."""

    def __init__(self, app: FastAPI, issuer: Issuer, health: Health, service: Service) -> None:
        self.app = app
        self.issuer = issuer
        self.health = health
        self.edge = Edge(app, health=health, admission=app.state.admission)
        self._private = Edge(operators(app), health=health)

    def client(self, **claims: Any) -> Client:
        return Client(self.edge, self.issuer.token(**claims))

    def stranger(self, token: str | None = None) -> Client:
        return Client(self.edge, token)

    def operator(self) -> Client:
        """At the operators' listener, where nobody asks for a token."""
        return Client(self._private, None)


def settings(kind: type[Settings] = notes.NotesSettings, **more: Any) -> Settings:
    stated = {"environment": "development", "mongodb_uri": NOWHERE, "kafka_bootstrap": "127.0.0.1:1"}
    stated |= {"mongodb_database": "never_asked", "issuer": ISSUER, "jwks_url": f"{ISSUER}/jwks"}
    return kind(**{**stated, **more})


@asynccontextmanager
async def notes_door(
    storage: MemoryStorage, service: Service = notes.service, **more: Any
) -> AsyncIterator[Door]:
    source = f"/gerai/{service.name}"
    async with GroupCommit(storage, source=source) as commit:
        service_context = ServiceContext(
            source=source,
            settings=settings(service.settings, **more),
            clock=RealClock(),
            database=connect(NOWHERE, "never_asked"),
            storage=storage,
            commit=commit,
            health=Health(),
        )
        service_context.health.started = True
        app = application(service, service_context, service.assemble(service_context))
        issuer = Issuer()
        app.state.authenticator = Authenticator(Keys(issuer.fetch), issuer=ISSUER, audience="gerai")
        yield Door(app, issuer, service_context.health, service)
        await service_context.database.close()
