"""A service's real application in one process, on any storage, and callers with tokens of an issuer of the test's own."""

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import httpx
from fastapi import FastAPI

from gerai.chassis.clock import BusinessClock
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.server import application, operators
from gerai.chassis.service_context import Background, Components, Service, ServiceContext
from gerai.chassis.settings import Role
from gerai.chassis.testing.contexts import context_of
from gerai.chassis.testing.issuer import Issuer
from gerai.contracts.event import source_of
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Database
from gerai.messaging.storage import Storage


class Client:
    """A caller who sends what a careful client sends."""

    def __init__(
        self, asked: Any, token: str | None, *, language: str = "en", patience_s: float = 5.0
    ) -> None:
        """`asked`: an ASGI application in this process, or the address of a service in another."""
        inside = {"transport": httpx.ASGITransport(app=asked), "base_url": "http://service.test"}
        self.http = httpx.AsyncClient(
            **({"base_url": asked} if isinstance(asked, str) else inside),
            timeout=patience_s,
            trust_env=False,
            headers={"accept-language": language} | ({"authorization": f"Bearer {token}"} if token else {}),
        )

    async def gets(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query, headers=dict(headers or {}))

    async def posts(
        self, path: str, body: Any = None, *, key: str | None = None, **query: Any
    ) -> httpx.Response:
        """With an idempotency key: a new one where none is given."""
        content = {"json": body} if body is not None else {}
        headers = {"idempotency-key": key or uuid.uuid4().hex}
        return await self.http.post(path, headers=headers, params=query, **content)

    async def puts(self, path: str, body: Any, *, etag: str | None) -> httpx.Response:
        return await self.http.put(path, json=body, headers={"if-match": etag} if etag else {})

    async def deletes(self, path: str, *, etag: str) -> httpx.Response:
        return await self.http.delete(path, headers={"if-match": etag})

    async def asks(self, method: str, path: str, content: Any, headers: Mapping[str, str]) -> httpx.Response:
        """Exactly this, and nothing of its own."""
        return await self.http.request(method, path, content=content, headers=dict(headers))


@dataclass(frozen=True, kw_only=True)
class Door:
    """An application that answers, with the parts that a test looks at."""

    service: Service
    app: FastAPI
    issuer: Issuer
    service_context: ServiceContext
    components: Components

    client_kind: ClassVar[type[Client]] = Client

    @property
    def health(self) -> Health:
        return self.service_context.health

    @property
    def clock(self) -> Any:
        """The one that was given."""
        return self.service_context.clock

    @cached_property
    def edge(self) -> Edge:
        """What visitors and officers reach."""
        return Edge(self.app, health=self.health, admission=self.app.state.admission)

    @cached_property
    def operators_edge(self) -> Edge:
        """The same and its description, as operators reach it."""
        return Edge(operators(self.app), health=self.health)

    def client(self, **claims: Any) -> Any:
        """A caller whose token has these claims; an officer of Muna Barat by default."""
        return self.client_kind(self.edge, self.issuer.token(**claims))

    def client_of(self, role: str, **claims: Any) -> Any:
        return self.client_kind(self.edge, self.issuer.token_of(role, **claims))

    def stranger(self, token: str | None = None) -> Any:
        return self.client_kind(self.edge, token)

    def operator(self) -> Any:
        """At the operators' listener, where nobody asks for a token."""
        return self.client_kind(self.operators_edge, None)

    def runs_as(self, role: Role) -> list[Background]:
        """What goes on beside requests in a process of this role."""
        return [part for part in self.components.background if role in part.roles]

    def background(self, name: str) -> Any:
        return next(part.run for part in self.components.background if part.name == name)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        service: Service,
        storage: Storage,
        *,
        clock: BusinessClock | None = None,
        database: Database | None = None,
        **settings: Any,
    ) -> AsyncIterator[Self]:
        """The service's application on `storage`. `database`: what its adapters ask beside that; one that does not answer
        where none is given."""
        async with GroupCommit(storage, source=source_of(service.name)) as commit:
            context = context_of(
                service, storage=storage, commit=commit, clock=clock, database=database, **settings
            )
            context.health.started = True
            components = service.assemble(context)
            issuer = Issuer()
            app = application(service, context, components)
            app.state.authenticator = issuer.authenticator()
            yield cls(service=service, app=app, issuer=issuer, service_context=context, components=components)
            if database is None:
                await context.database.close()
