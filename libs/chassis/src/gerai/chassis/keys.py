"""The issuer's signing keys: learnt ahead of time, believed for a bounded time, asked for again in a bounded way.

* A key that the issuer has withdrawn is believed for `TRUSTED_S` at most, also while the issuer is away: the keys count
  from the moment at which they were asked for, and what is older is not used.
* `run` asks every `REFRESH_S`, so no request with a known key waits for the issuer.
* An unknown key id asks the issuer again, at most once in `GAP_S` whatever is sent; each request with such an id waits
  for an answer to a question that began after it came, whoever has named the id before. So a key works about a second
  after the issuer has published it, and until then nobody is told that it is a bad one.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import jwt
import structlog
from pydantic_core import from_json

from gerai.chassis.problems import Problem
from gerai.chassis.settings import is_loopback

log = structlog.get_logger(__name__)

ALGORITHMS = ("ES256", "RS256")
TRUSTED_S = 600.0
"""From the withdrawal of a key to the last token that is taken with it, at most."""
REFRESH_S = 120.0
"""Several tries before the keys are too old, so that a short absence of the issuer is not noticed."""
RETRY_S = 10.0
GAP_S = 1.0
"""Between two questions to the issuer, whoever causes them: at most 60 a minute and process."""
FETCH_S = 5.0
"""For a whole answer of the issuer; one that drips is one that hangs."""
STUCK_S = 240.0
WAIT_S = 3.0
"""How long a request waits until the issuer has said whether it knows a key id."""
WAITING_LIMIT = 4_096
"""Requests that wait for the issuer, all for the same answer. With unknown key ids anybody can make some, but one for a
connection, and strangers have half of 4 096 connections unless settings say more. Who finds no place comes again after
that answer; a fresh key is known then without any waiting, so a flood holds it up for one question at most."""
DOCUMENT_BYTES = 256 * 1024
KEYS_LIMIT = 100

Fetch = Callable[[], Awaitable[Any]]


class UnusableDocument(ValueError):
    """What the issuer sent is no JWKS document."""


AWAY = (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError)
"""What asking an issuer can end with."""
NO_KEY = (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What PyJWT and cryptography raise for the description of a key that is none."""


def fetch_from(url: str) -> Fetch:
    """Get the issuer's JWKS document. A proxy from the environment is not used on the way to this machine."""

    async def fetch() -> Any:
        async with (
            httpx.AsyncClient(timeout=FETCH_S, trust_env=not is_loopback(url)) as client,
            client.stream("GET", url) as answer,
        ):
            answer.raise_for_status()
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > DOCUMENT_BYTES:
                    raise UnusableDocument("the document is too large")
        return from_json(body)  # refuses bottomless nesting with a ValueError

    return fetch


class Keys:
    """The issuer's public keys, by key id."""

    def __init__(self, fetch: Fetch, *, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._described: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = float("-inf")
        self._learnt_at = float("-inf")
        """When the question began that was answered last."""
        self._begun = now()
        self._flight: asyncio.Task[None] | None = None
        self._waiting = 0

    async def run(self) -> None:
        """Keep the keys young. Runs until cancelled."""
        self._begun = self._now()
        while True:
            await self._asked()
            await asyncio.sleep(REFRESH_S if self._learnt_at == self._asked_at else RETRY_S)

    def progress(self) -> Mapping[str, str]:
        """Liveness: the issuer is asked, whether it answers or not."""
        silent = self._now() - max(self._begun, self._asked_at)
        return {"issuer-keys": f"nobody was asked for {silent:.0f} s"} if silent > STUCK_S else {}

    def seconds_left(self) -> float:
        """How long what is known may still be believed; 0 or less: not any more."""
        return self._learnt_at + TRUSTED_S - self._now()

    def holds(self, kid: str, key: jwt.PyJWK) -> bool:
        """Whether a token that this key has signed may be taken now, without asking anybody."""
        return self._keys.get(kid) is key and self.seconds_left() > 0

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """None: the issuer, asked after this call began, has no such key. Raises Problem 503 where that cannot be
        told."""
        arrived = self._now()
        if (known := self._trusted(kid)) is not None:
            return known
        if self._waiting >= WAITING_LIMIT:
            raise _busy(GAP_S)
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._found(kid, arrived)
        except TimeoutError:
            raise _busy() from None
        finally:
            self._waiting -= 1

    async def _found(self, kid: str, arrived: float) -> jwt.PyJWK | None:
        """A question that was under way when the request came may find the key, but only a later one can deny it."""
        while True:
            await self._asked()
            if (known := self._trusted(kid)) is not None:
                return known
            if self._learnt_at >= arrived:
                return None
            if self._asked_at >= arrived:
                raise _busy()

    def _trusted(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self.seconds_left() > 0 else None

    async def _asked(self) -> None:
        """Ask, or wait for who asks already. Nobody's end ends the question that others wait for."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._ask(), name="issuer-keys")
        await asyncio.shield(self._flight)

    async def _ask(self) -> None:
        """An issuer that does not answer well changes nothing: its keys are believed until they are too old."""
        await asyncio.sleep(max(0.0, min(GAP_S, self._asked_at + GAP_S - self._now())))
        asked_at = self._now()
        try:
            async with asyncio.timeout(FETCH_S):
                document = await self._fetch()
            self._learn(document)
        except AWAY as error:
            self._asked_at = asked_at
            log.warning(
                "keys-unavailable", error=repr(error)[:300], seconds_left=round(max(0.0, self.seconds_left()))
            )
        else:
            self._asked_at = self._learnt_at = asked_at

    def _learn(self, document: Any) -> None:
        """A key that is described as before stays the same object, so that tokens checked with it stay good."""
        described = _described(document)
        keys: dict[str, jwt.PyJWK] = {}
        for kid, description in described.items():
            as_before = description == self._described.get(kid)
            known = self._keys.get(kid) if as_before else _usable(description)
            if known is not None:
                keys[kid] = known
        self._described, self._keys = described, keys


def _described(document: Any) -> dict[str, Any]:
    """Key id → what the document says of the key. Raises UnusableDocument."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise UnusableDocument("this is not a JWKS document")
    found: dict[str, Any] = {}
    for one in document["keys"][:KEYS_LIMIT]:
        if isinstance(one, dict) and one.get("use", "sig") == "sig":
            kid = one.get("kid")
            if isinstance(kid, str) and kid:
                found[kid] = one
    return found


def _usable(description: Any) -> jwt.PyJWK | None:
    """Only a public key for an allowed algorithm: a symmetric key in the document would make everybody an issuer."""
    try:
        key = jwt.PyJWK(description)
    except NO_KEY as error:
        log.warning("key-ignored", error=repr(error)[:300])
        return None
    return key if key.algorithm_name in ALGORITHMS else None


def _busy(after_s: float = FETCH_S) -> Problem:
    return Problem(503, "busy", headers={"Retry-After": str(math.ceil(after_s))})
