"""Who calls: bearer tokens (JWT) checked against the issuer's published keys.

Closed by default: algorithm allow-list, `iss`, `aud`, `exp` and `nbf` are required; an unknown key id causes
one refresh of the keys, at most every `REFRESH_GAP_S` seconds, whatever is sent at us.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import structlog

from gerai.chassis.problems import Problem

log = structlog.get_logger(__name__)

ALGORITHMS = ["ES256", "RS256"]
LEEWAY_S = 5
REFRESH_GAP_S = 10.0
CACHE_LIMIT = 4_096
TOKEN_LIMIT = 8_192


@dataclass(frozen=True)
class Caller:
    """Who asks, as the token says."""

    subject: str
    tenant: str
    roles: frozenset[str]


Fetch = Callable[[], Awaitable[dict[str, Any]]]


def fetch_from(url: str) -> Fetch:
    """Get the issuer's JWKS document."""

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
            return found

    return fetch


class Keys:
    """The issuer's public keys, by key id."""

    def __init__(self, fetch: Fetch, *, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> jwt.PyJWK | None:
        if kid not in self._keys:
            async with self._lock:
                if kid not in self._keys and self._now() - self._fetched_at >= REFRESH_GAP_S:
                    await self._refresh()
        return self._keys.get(kid)

    async def _refresh(self) -> None:
        self._fetched_at = self._now()
        try:
            document = await self._fetch()
        except (httpx.HTTPError, ValueError) as error:
            log.warning("keys-unavailable", error=type(error).__name__)
            return
        found = jwt.PyJWKSet.from_dict(document)
        self._keys = {key.key_id: key for key in found.keys if key.key_id}


class Authenticator:
    """Token in, caller out. A token that was found good is not checked again until it expires."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._known: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    async def caller(self, authorization: str | None) -> Caller:
        """Raises Problem 401 with what the client may know about the reason: nothing."""
        if not authorization:
            raise _refused("unauthenticated")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LIMIT:
            raise _refused("invalid_token")
        known = self._known.get(token)
        if known is not None and known[1] > time.time():
            return known[0]
        caller, expires = await self._verified(token)
        self._known[token] = (caller, expires)
        while len(self._known) > CACHE_LIMIT:
            self._known.popitem(last=False)
        return caller

    async def _verified(self, token: str) -> tuple[Caller, float]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
                raise _refused("invalid_token")
            key = await self._keys.get(header["kid"])
            if key is None:
                raise _refused("invalid_token")
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "nbf", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise _refused("invalid_token") from error
        tenant, roles = claims.get("tenant"), claims.get("roles")
        if not isinstance(tenant, str) or not tenant or not isinstance(roles, list):
            raise _refused("invalid_token")
        caller = Caller(str(claims["sub"]), tenant, frozenset(str(role) for role in roles))
        return caller, float(claims["exp"])


def _refused(code: str) -> Problem:
    return Problem(401, code, headers={"WWW-Authenticate": 'Bearer realm="gerai"'})
