"""The people of a hall: each knows one door (a replica), and walks to the next one when nobody answers there."""

import asyncio
import itertools
import json
import random
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.integration.register import TENANT

PATIENCE_TRIES = 60
BETWEEN_TRIES_S = 0.25
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Acknowledged:
    """One command that was answered with 2xx: a promise that the platform must keep."""

    path: str
    key: str
    body: dict[str, Any]


@dataclass
class Doors:
    """The addresses of one service's replicas, and how one gets a token."""

    urls: Sequence[str]
    token: Callable[..., str]
    exits: AsyncExitStack
    """Closes everybody's connections at the end."""
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: list[tuple[str, int, str]] = field(default_factory=list)
    """What was answered with 4xx or 5xx at last: path, status, code."""


def connection() -> httpx.AsyncClient:
    """One person's own: a pool that many share looks through all its connections for every request."""
    return httpx.AsyncClient(timeout=60, trust_env=False, verify=_NO_TLS)


class Person:
    """Somebody with a role, at one of the doors."""

    roles: tuple[str, ...] = ()

    def __init__(self, doors: Doors, *, door: int = 0, name: str | None = None, tenant: str = TENANT) -> None:
        self.doors = doors
        self.name = name or f"{type(self).__name__.lower()}-{uuid.uuid4().hex[:8]}"
        self._next_door = itertools.count(door)
        self._door = next(self._next_door)
        self._client = connection()
        doors.exits.push_async_callback(self._client.aclose)
        self._headers = {}
        if self.roles:
            self._headers["authorization"] = (
                f"Bearer {doors.token(*self.roles, tenant=tenant, subject=self.name)}"
            )

    def at(self, door: int) -> str:
        return self.doors.urls[door % len(self.doors.urls)]

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        door: int | None = None,
    ) -> httpx.Response:
        """One try at one door; whatever comes back."""
        told = {**self._headers, **(headers or {})}
        if method == "POST":
            told["idempotency-key"] = key or uuid.uuid4().hex
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            told.setdefault("content-type", "application/json")
        url = self.at(self._door if door is None else door) + path
        return await self._client.request(method, url, content=content, headers=told)

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """The same request, with the same key, at one door after the other, until somebody answers."""
        key = more.pop("key", None) or uuid.uuid4().hex
        last: object = None
        for _ in range(PATIENCE_TRIES):
            try:
                answer = await self.send(method, path, body, key=key, **more)
            except httpx.TransportError as error:
                last = error
            else:
                if answer.status_code not in (502, 503):
                    return self._noted(answer, path, key)
                last = answer.text
            self._door = next(self._next_door)
            await asyncio.sleep(BETWEEN_TRIES_S * random.uniform(0.5, 1.0))
        raise AssertionError(f"{self.name}: nobody answered {method} {path}: {last!r}")

    def _noted(self, answer: httpx.Response, path: str, key: str) -> httpx.Response:
        if answer.request.method == "GET":
            return answer
        if answer.is_success:
            self.doors.acknowledged.append(Acknowledged(path, key, answer.json()))
        else:
            self.doors.refused.append((path, answer.status_code, answer.json().get("code", "?")))
        return answer

    async def must(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """As `ask`, and the answer has to be good."""
        answer = await self.ask(method, path, body, **more)
        assert answer.is_success, f"{self.name}: {method} {path} → {answer.status_code} {answer.text}"
        return answer.json()


class Kiosk(Person):
    """Gives numbers."""

    roles = ("kiosk",)

    async def issue(self, service_id: str, *, priority: str | None = None, **more: Any) -> dict[str, Any]:
        body: dict[str, Any] = {"service_id": service_id}
        if priority is not None:
            body["priority_reason"] = priority
        issued: dict[str, Any] = await self.must("POST", "/v1/tickets", body, **more)
        return issued


class Officer(Person):
    """Works at one desk."""

    roles = ("officer",)

    def __init__(self, doors: Doors, *, desk: str, **more: Any) -> None:
        super().__init__(doors, **more)
        self.desk = desk

    async def sit_down(self) -> None:
        await self.must("POST", f"/v1/desks/{self.desk}/open")

    async def call_next(self) -> dict[str, Any] | None:
        """The ticket called, or None when nobody waits."""
        answer = await self.ask("POST", f"/v1/desks/{self.desk}/call-next")
        if answer.status_code == 409 and answer.json()["code"] == "nobody_waiting":
            return None
        assert answer.is_success, f"{self.name}: call-next → {answer.status_code} {answer.text}"
        called: dict[str, Any] = answer.json()
        return called

    async def look(self) -> dict[str, Any]:
        """The desk as its officer sees it."""
        seen: dict[str, Any] = await self.must("GET", f"/v1/desks/{self.desk}")
        return seen

    async def reinstate(self, ticket: str) -> dict[str, Any]:
        """Who missed the calls has come after all."""
        back: dict[str, Any] = await self.must("POST", f"/v1/tickets/{ticket}/reinstate")
        return back

    async def do(self, step: str, **body: Any) -> dict[str, Any]:
        """recall, start, finish, hold, …: what is done with the ticket at the desk."""
        with_body = step in ("hold", "return", "transfer", "resume")
        done: dict[str, Any] = await self.must(
            "POST", f"/v1/desks/{self.desk}/{step}", body if with_body else None
        )
        return done


class Supervisor(Person):
    roles = ("supervisor",)


class Visitor(Person):
    """Has nothing but the link on the paper."""

    def __init__(self, doors: Doors, *, link: str, **more: Any) -> None:
        super().__init__(doors, **more)
        self.link = link

    async def look(self) -> dict[str, Any]:
        seen: dict[str, Any] = await self.must("GET", f"/v1/visits/{self.link}")
        return seen

    async def cancel(self) -> dict[str, Any]:
        seen: dict[str, Any] = await self.must("POST", f"/v1/visits/{self.link}/cancel")
        return seen


class Registrar(Person):
    """Keeps the register; its doors are the registry's."""

    roles = ("registrar",)

    async def load(self, register: dict[str, Any]) -> None:
        await self.must("POST", "/v1/imports?dry_run=false", register)

    async def rename(self, service: str, name: str) -> None:
        read = await self.ask("GET", f"/v1/services/{service}")
        fixed = ("id", "version", "site_id", "institution_id")
        facts = {field: value for field, value in read.json().items() if field not in fixed}
        etag = read.headers["etag"]
        await self.must("PUT", f"/v1/services/{service}", {**facts, "name": name}, headers={"if-match": etag})


@dataclass
class Frame:
    """One server-sent event."""

    id: str | None
    event: str
    data: Any


class Display(Person):
    """A screen in the hall."""

    roles = ("display",)

    @asynccontextmanager
    async def feed(
        self, site: str, *, door: int, last: str | None = None
    ) -> AsyncIterator[AsyncIterator[Frame]]:
        headers = {**self._headers, **({"last-event-id": last} if last else {})}
        url = f"{self.at(door)}/v1/sites/{site}/display/feed"
        async with self._client.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200, answer.status_code
            yield _frames(answer)

    async def ticket(self, site: str, *, door: int) -> str:
        answer = await self.send("POST", f"/v1/sites/{site}/display/stream-tickets", door=door)
        assert answer.status_code == 201, answer.text
        ticket: str = answer.json()["ticket"]
        return ticket

    @asynccontextmanager
    async def feed_as_browser(
        self, site: str, *, door: int, ticket: str, last: str | None = None
    ) -> AsyncIterator[AsyncIterator[Frame]]:
        """Without a header, as an EventSource opens it."""
        query = {"ticket": ticket, **({"last_event_id": last} if last else {})}
        url = f"{self.at(door)}/v1/sites/{site}/display/feed"
        async with self._client.stream("GET", url, params=query) as answer:
            assert answer.status_code == 200, answer.status_code
            yield _frames(answer)


async def _frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Frame(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
