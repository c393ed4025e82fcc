"""The platform's HTTP interfaces, as kiosks, officers and visitors use them."""

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from demo.failure import UnableToPlay

CONNECTIONS = 48
ANSWER_SECONDS = 20.0
TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: a body, or the code of a refusal that belongs to a day's work."""

    body: Any
    refused: str | None
    trace_id: str | None


class Doors:
    """One service seen from outside. A request that fails is repeated with its idempotency key, some times."""

    def __init__(self, url: str, client: httpx.AsyncClient, *, first_pause: float = 0.1) -> None:
        self._url = url
        self._client = client
        self._first_pause = first_pause

    async def try_get(self, path: str, token: str) -> Answer:
        response = await self._send("GET", path, {"authorization": f"Bearer {token}"}, None)
        return self._answer("GET", path, response)

    async def get(self, path: str, token: str) -> Any:
        """The body; raises UnableToPlay where there is none."""
        answer = await self.try_get(path, token)
        if answer.refused is not None:
            raise UnableToPlay(f"GET {path} is refused: {answer.refused}.")
        return answer.body

    async def post(self, path: str, token: str | None, body: object = None) -> Answer:
        headers = {"idempotency-key": uuid.uuid4().hex}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return self._answer("POST", path, await self._send("POST", path, headers, body))

    async def put(self, path: str, token: str, body: object, *, version: int) -> Answer:
        headers = {
            "idempotency-key": uuid.uuid4().hex,
            "authorization": f"Bearer {token}",
            "if-match": f'"{version}"',
        }
        return self._answer("PUT", path, await self._send("PUT", path, headers, body))

    async def _send(self, method: str, path: str, headers: dict[str, str], body: object) -> httpx.Response:
        why = ""
        for turn in range(TRIES):
            try:
                response = await self._client.request(method, self._url + path, headers=headers, json=body)
            except httpx.TransportError as error:
                why = type(error).__name__
            else:
                if response.status_code != 503:
                    return response
                why = "503"
            await asyncio.sleep(self._first_pause * 2**turn)
        raise UnableToPlay(f"{method} {path} was not answered in {TRIES} tries (last: {why}).")

    def _answer(self, method: str, path: str, response: httpx.Response) -> Answer:
        if response.is_success:
            return Answer(body=response.json(), refused=None, trace_id=_trace_id(response))
        if response.status_code in (404, 409):
            return Answer(body=None, refused=str(response.json()["code"]), trace_id=None)
        raise UnableToPlay(f"{method} {path} answers {response.status_code}: {response.text[:300]}")


def open_client() -> httpx.AsyncClient:
    """One bounded pool of connections for everybody in the hall."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    timeout = httpx.Timeout(ANSWER_SECONDS, pool=60.0)
    return httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False)


def _trace_id(response: httpx.Response) -> str | None:
    parts = response.headers.get("traceresponse", "").split("-")
    return parts[1] if len(parts) >= 4 else None
