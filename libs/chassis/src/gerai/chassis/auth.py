"""Who calls: bearer tokens (JWT) checked against the issuer's published keys.

Closed by default: algorithm allow-list, `iss`, `aud`, `exp` and `nbf` are required; an unknown key id causes
one refresh of the keys, at most every `REFRESH_GAP_S` seconds, whatever is sent at us.
"""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import structlog

from gerai.chassis.problems import Problem
from gerai.chassis.settings import is_loopback

log = structlog.get_logger(__name__)

ALGORITHMS = ["ES256", "RS256"]
LEEWAY_S = 5
REFRESH_GAP_S = 10.0
KEYS_AGE_S = 600.0
"""A key that the issuer has withdrawn is trusted no longer than this."""
TRUSTED_S = 300.0
"""A token that was found good is checked again after this, at the latest."""
CACHE_LIMIT = 4_096
TOKEN_LIMIT = 8_192
TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
SUBJECT = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
PERSONAL = re.compile(r"@|\d(?:[ .()+-]*\d){8,}")
"""An e-mail address, or as many digits as a phone number has, however they are written."""
OPAQUE = re.compile(
    r"(?<!\w)(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?!\d+(?!\w))(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}))(?!\w)",
    re.IGNORECASE,
)
"""A UUID, a hash or another machine's id in hexadecimal: there many digits may stand in a row and say nothing."""


@dataclass(frozen=True)
class Caller:
    """Who asks, as the token says."""

    subject: str
    tenant: str
    roles: frozenset[str]
    expires: float
    """When the token is taken no longer, in seconds of the epoch."""

    def seconds_left(self) -> float:
        """How long an answer that does not end may go on; then the client comes back with a new token."""
        return max(0.0, self.expires - time.time())


Fetch = Callable[[], Awaitable[Any]]


def fetch_from(url: str) -> Fetch:
    """Get the issuer's JWKS document. A proxy from the environment is not used on the way to this machine."""

    async def fetch() -> Any:
        async with httpx.AsyncClient(timeout=5, trust_env=not is_loopback(url)) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            return answer.json()

    return fetch


class Keys:
    """The issuer's public keys, by key id."""

    def __init__(self, fetch: Fetch, *, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = float("-inf")
        self._learnt_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """None: the issuer has no such key. Raises Problem 503 while the issuer cannot be asked."""
        known = self._keys.get(kid)
        if known is not None and (self._fresh() or self._lock.locked()):
            return known
        async with self._lock:
            due = self._now() - self._asked_at >= REFRESH_GAP_S
            if due and (kid not in self._keys or not self._fresh()):
                await self._refresh()
        known = self._keys.get(kid)
        if known is None and self._learnt_at < self._asked_at:
            raise Problem(503, "busy", headers={"Retry-After": "5"})
        return known

    def _fresh(self) -> bool:
        return self._now() - self._learnt_at < KEYS_AGE_S

    async def _refresh(self) -> None:
        """An issuer that does not answer well changes nothing: its known keys go on being trusted."""
        self._asked_at = self._now()
        try:
            self._keys = _usable(await self._fetch())
        except (httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
            log.warning("keys-unavailable", error=repr(error)[:300])
            return
        self._learnt_at = self._asked_at


def _usable(document: Any) -> dict[str, jwt.PyJWK]:
    """Only public keys for the allowed algorithms: a symmetric key in the document would make everybody an
    issuer. Raises ValueError where the document is none."""
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("this is not a JWKS document")
    usable: dict[str, jwt.PyJWK] = {}
    for one in document["keys"]:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(one)
        except jwt.PyJWTError as error:
            log.warning("key-ignored", error=repr(error)[:300])
            continue
        if key.key_id and key.algorithm_name in ALGORITHMS:
            usable[key.key_id] = key
    return usable


class Authenticator:
    """Token in, caller out. A token that was found good is remembered, by its hash, until it expires."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def caller(self, authorization: str | None) -> Caller:
        """Raises Problem 401 with what the client may know about the reason: nothing."""
        if not authorization:
            raise _refused("unauthenticated")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LIMIT:
            raise _refused("invalid_token")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known[1] > time.time():
            self._known.move_to_end(digest)
            return known[0]
        caller = await self._verified(token)
        self._known[digest] = (caller, min(caller.expires, time.time() + TRUSTED_S))
        self._known.move_to_end(digest)
        while len(self._known) > CACHE_LIMIT:
            self._known.popitem(last=False)
        return caller

    async def _verified(self, token: str) -> Caller:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
                raise _refused("invalid_token")
            key = await self._keys.get(header["kid"])
            if key is None or key.algorithm_name != header["alg"]:
                raise _refused("invalid_token")
            claims = jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["exp", "nbf", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise _refused("invalid_token") from error
        return _caller_of(claims)


def _caller_of(claims: dict[str, Any]) -> Caller:
    subject, tenant, roles = claims["sub"], claims.get("tenant"), claims.get("roles")
    if not isinstance(tenant, str) or TENANT.fullmatch(tenant) is None or not isinstance(roles, list):
        raise _refused("invalid_token")
    if SUBJECT.fullmatch(subject) is None:
        raise _refused("invalid_token")
    if PERSONAL.search(OPAQUE.sub("x", subject)):
        # the subject is the actor of events, which everybody may read
        log.error("subject-looks-personal", tenant=tenant)
        raise _refused("invalid_token")
    known = frozenset(role for role in roles if isinstance(role, str))
    return Caller(subject, tenant, known, float(claims["exp"]) + LEEWAY_S)


def _refused(code: str) -> Problem:
    error = ', error="invalid_token"' if code == "invalid_token" else ""
    return Problem(401, code, headers={"WWW-Authenticate": f'Bearer realm="gerai"{error}'})
