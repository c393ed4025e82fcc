"""Whatever somebody sends as a token, or an issuer signs, there is a caller or a refusal."""

import asyncio
import base64
import json
from typing import Any

import jwt
from hypothesis import given, settings
from hypothesis import strategies as st

from gerai.chassis.auth import Authenticator, Caller
from gerai.chassis.keys import Keys
from gerai.chassis.problems import Problem
from gerai.chassis.testing import ISSUER, Issuer

ISSUER_HERE = Issuer()
NUMBERS = st.one_of(
    st.integers(),
    st.integers(min_value=10**300, max_value=10**400),
    st.floats(),
    st.sampled_from([0, -1, 1e308, float("inf"), float("nan"), True]),
)
VALUES = st.recursive(
    st.none() | NUMBERS | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
CLAIMS = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "tenant", "roles", "jti", "x"]), VALUES
)
HEADERS = st.dictionaries(
    st.sampled_from(["kid", "alg", "typ", "crit", "b64", "jwk", "jku", "x5c", "cty"]), VALUES
)


async def outcome(authorization: str | None) -> Any:
    guard = Authenticator(Keys(ISSUER_HERE.fetch), issuer=ISSUER, audience="gerai")
    try:
        return await guard.caller(authorization)
    except Problem as problem:
        return problem.status


def judged(authorization: str | None) -> Any:
    return asyncio.run(outcome(authorization))


def coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


@given(CLAIMS)
@settings(max_examples=150, deadline=None)
def test_strange_claims_of_the_issuer(changed: dict[str, Any]) -> None:
    body = json.dumps(ISSUER_HERE.claims() | changed).encode()
    token = jwt.PyJWS().encode(body, ISSUER_HERE.keys["k1"], algorithm="ES256", headers={"kid": "k1"})
    found = judged(f"Bearer {token}")
    assert isinstance(found, Caller) or found == 401


@given(HEADERS, st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_strange_headers_of_a_stranger(changed: dict[str, Any], signature: bytes) -> None:
    header = json.dumps({"alg": "ES256", "kid": "k1"} | changed).encode()
    body = json.dumps(ISSUER_HERE.claims()).encode()
    assert judged(f"Bearer {coded(header)}.{coded(body)}.{coded(signature)}") == 401


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=100, deadline=None)
def test_no_token_at_all(text: str) -> None:
    assert judged(f"Bearer {text}") == 401


def test_what_makes_readers_fall_over() -> None:
    good = coded(b'{"alg": "ES256", "kid": "k1"}')
    deep = b"[" * 4_000
    wide = b'{"kid": "k1", "alg": "ES256", "n": ' + b"9" * 4_500 + b"}"
    for parts in ([coded(deep), good, ""], [coded(b'{"kid": ' + deep), good, "x"], [coded(wide), good, "x"]):
        assert judged("Bearer " + ".".join(parts)) == 401
    assert judged("Bearer " + ".".join([good, good, "x"]) + " more") == 401
