"""Who calls: bearer tokens (JWT) checked against the issuer's published keys.

Closed by default: algorithm allow-list; `iss`, `aud`, `exp`, `nbf`, `sub`, `tenant` and `roles` are required; a token
whose end is too far away is refused. Whatever a stranger sends, there is a `Caller` or a `Problem` with 401 or 503.
"""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any

import jwt
import structlog

from gerai.chassis.keys import ALGORITHMS, Keys
from gerai.chassis.problems import Problem
from gerai.contracts.text import hidden_at, looks_personal

log = structlog.get_logger(__name__)

LEEWAY_S = 5
LONGEST_LIFE_S = 12 * 3600.0
CACHE_LIMIT = 4_096
TOKEN_LIMIT = 8_192
KID_LIMIT = 200
SUBJECT_LIMIT = 200
TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_TOKEN = (jwt.InvalidTokenError, ValueError, TypeError, OverflowError, RecursionError)
"""What PyJWT ends with for bytes that are no token: bottomless nesting and numbers without end among them."""
CLAIMS = {
    "require": ["exp", "nbf", "iss", "aud", "sub"],
    # its times are read by our clock, in `_lifetime`
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


@dataclass(frozen=True)
class Caller:
    """Who asks, as the token says."""

    subject: str
    tenant: str
    roles: frozenset[str]
    expires: float
    """When the token is taken no longer, in seconds of the epoch."""
    trusted_for: Callable[[], float] = field(default=lambda: inf, compare=False, repr=False)
    """For how many seconds from now the signing key is believed if the issuer is not heard again."""

    @cached_property
    def name(self) -> str:
        """Two regencies may call somebody the same."""
        return f"{self.tenant} {self.subject}"

    def seconds_left(self) -> float:
        """How long an answer that does not end may go on; then the client comes back, and is asked for its token."""
        return max(0.0, min(self.expires - time.time(), self.trusted_for()))


@dataclass(frozen=True)
class _Known:
    """A token that was found good, and with which key."""

    caller: Caller
    kid: str
    key: jwt.PyJWK


class Authenticator:
    """Token in, caller out. A token that was found good is remembered, by its hash, until it expires; it is taken for
    as long as the issuer's key stands."""

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        longest_life_s: float = LONGEST_LIFE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`longest_life_s`: from now, and from the token's own `iat`, to its `exp`."""
        self.keys = keys
        self._issuer = issuer
        self._audience = audience
        self._longest_life_s = longest_life_s
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def caller(self, authorization: str | None) -> Caller:
        """Raises Problem 401 with what the client may know about the reason: nothing; 503 while nobody can tell."""
        if not authorization:
            raise _refused("unauthenticated")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LIMIT or not token.isascii():
            raise _refused("invalid_token")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._holds(known):
            self._known.move_to_end(digest)
            return known.caller
        found = await self._verified(token)
        self._known[digest] = found
        self._known.move_to_end(digest)
        while len(self._known) > CACHE_LIMIT:
            self._known.popitem(last=False)
        return found.caller

    def _holds(self, known: _Known) -> bool:
        return known.caller.expires > self._clock() and self.keys.holds(known.kid, known.key)

    async def _verified(self, token: str) -> _Known:
        try:
            header = jwt.get_unverified_header(token)
            kid, algorithm = header.get("kid"), header.get("alg")
            if not isinstance(kid, str) or len(kid) > KID_LIMIT or algorithm not in ALGORITHMS:
                raise _refused("invalid_token")
            key = await self.keys.get(kid)
            if key is None or key.algorithm_name != algorithm:
                raise _refused("invalid_token")
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options=CLAIMS,  # type: ignore[arg-type]
            )
        except NO_TOKEN as error:
            raise _refused("invalid_token") from error
        expires = self._lifetime(claims)
        return _Known(_caller_of(claims, expires, self.keys.seconds_left), kid, key)

    def _lifetime(self, claims: dict[str, Any]) -> float:
        """When the token ends. Raises Problem 401 where it is over, has not begun, or would live too long."""
        now = self._clock()
        ends, begins, made = claims["exp"], claims["nbf"], claims.get("iat", claims["nbf"])
        if not all(_is_moment(one) for one in (ends, begins, made)):
            raise _refused("invalid_token")
        if not (max(begins, made) <= now + LEEWAY_S and now < ends + LEEWAY_S):
            raise _refused("invalid_token")
        stated = ends - made if "iat" in claims else 0.0
        if max(ends - now, stated) > self._longest_life_s + LEEWAY_S:
            log.warning("token-lives-too-long", seconds=round(max(ends - now, stated)))
            raise _refused("invalid_token")
        return float(ends) + LEEWAY_S


def _is_moment(value: Any) -> bool:
    """Seconds of the epoch, as RFC 7519 has them, in years that a calendar knows."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 253_402_300_800


def _caller_of(claims: dict[str, Any], expires: float, trusted_for: Callable[[], float]) -> Caller:
    subject, tenant, roles = claims["sub"], claims.get("tenant"), claims.get("roles")
    if not isinstance(tenant, str) or TENANT.fullmatch(tenant) is None or not isinstance(roles, list):
        raise _refused("invalid_token")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= SUBJECT_LIMIT
        or hidden_at(subject) is not None
    ):
        raise _refused("invalid_token")
    if looks_personal(subject) or looks_personal(tenant):
        # the subject is the actor of events, which everybody may read
        log.error("subject-looks-personal")
        raise _refused("invalid_token")
    known = frozenset(role for role in roles if isinstance(role, str))
    return Caller(subject, tenant, known, expires, trusted_for)


def _refused(code: str) -> Problem:
    error = ', error="invalid_token"' if code == "invalid_token" else ""
    return Problem(401, code, headers={"WWW-Authenticate": f'Bearer realm="gerai"{error}'})
