"""Who calls: only what the issuer signed, for us, and still good."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from notes_door import Door

from gerai.chassis import auth
from gerai.chassis.auth import Authenticator
from gerai.chassis.keys import Keys
from gerai.chassis.problems import Problem
from gerai.chassis.testing import ISSUER, Issuer

OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def unsigned(issuer: Issuer) -> str:
    parts = [{"alg": "none", "typ": "JWT", "kid": "k1"}, issuer.claims()]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, ""])


def sealed(claims: dict[str, Any], *, says: str, kid: str, sign: Callable[[bytes], bytes]) -> str:
    """A token whose header says one thing while its signature is another: libraries refuse to make it."""
    parts = [{"alg": says, "kid": kid}, claims]
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return (signed + b"." + base64.urlsafe_b64encode(sign(signed)).rstrip(b"=")).decode()


def hmac_of(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda message: hmac.digest(secret, message, "sha256")


def signed_with_the_public_key(issuer: Issuer) -> str:
    """The oldest trick: the public key, which everybody knows, as an HMAC secret."""
    key = issuer.keys["k1"].public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sealed(issuer.claims(), says="HS256", kid="k1", sign=hmac_of(pem))


def foreign(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), OTHER_KEY, algorithm="ES256", headers={"kid": "k1"})


def changed(issuer: Issuer) -> str:
    header, body, signature = issuer.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps(claims | {"roles": ["admin"]}).encode()).decode().rstrip("=")
    return f"{header}.{body}.{signature}"


def raw(issuer: Issuer, body: str) -> str:
    """Signed, whatever the body is."""
    return jwt.PyJWS().encode(body.encode(), issuer.keys["k1"], algorithm="ES256", headers={"kid": "k1"})


NOW = int(time.time())
REFUSED: dict[str, Any] = {
    "expired": lambda issuer: issuer.token(exp=NOW - 60),
    "not yet": lambda issuer: issuer.token(nbf=NOW + 600),
    "another issuer": lambda issuer: issuer.token(iss="http://elsewhere.test"),
    "another audience": lambda issuer: issuer.token(aud="portal"),
    "no expiry": lambda issuer: issuer.token(exp=None),
    "no beginning": lambda issuer: issuer.token(nbf=None),
    "no subject": lambda issuer: issuer.token(sub=None),
    "no regency": lambda issuer: issuer.token(tenant=None),
    "a strange regency": lambda issuer: issuer.token(tenant="muna barat"),
    "no roles": lambda issuer: issuer.token(roles=None),
    "roles as text": lambda issuer: issuer.token(roles="officer"),
    "alg none": unsigned,
    "hs256 with the public key": signed_with_the_public_key,
    "another key under our key id": foreign,
    "roles changed afterwards": changed,
    "no token at all": lambda issuer: "not.a.token",
    "an endless token": lambda issuer: "a" * 100_000,
    "an end of 400 digits": lambda issuer: issuer.token(exp=10**400),
    "an end beyond all numbers": lambda issuer: raw(issuer, '{"exp": 1e999}'),
    "an end that is no number": lambda issuer: issuer.token(exp="4102444800"),
    "a beginning of 400 digits": lambda issuer: issuer.token(nbf=-(10**400)),
    "made 400 digits ago": lambda issuer: issuer.token(iat=-(10**400)),
    "made in the future": lambda issuer: issuer.token(iat=NOW + 600),
    "an end next year": lambda issuer: issuer.token(exp=NOW + 365 * 86_400),
    "a long life that is nearly over": lambda issuer: issuer.token(iat=NOW - 365 * 86_400, exp=NOW + 60),
    "bottomless claims": lambda issuer: raw(issuer, "[" * 5_000),
    "a hidden character in the subject": lambda issuer: issuer.token(sub="officer\u202e1"),
    "half a character in the subject": lambda issuer: issuer.token(sub="officer-\ud800"),
    "two lines in the subject": lambda issuer: issuer.token(sub="officer\u20281"),
    "a regency that is a phone number": lambda issuer: issuer.token(tenant="081234567890"),
}


class TestTokens:
    @pytest.mark.parametrize("case", REFUSED)
    async def test_a_token_that_proves_nothing_is_refused(self, door: Door, case: str) -> None:
        answer = await door.stranger(REFUSED[case](door.issuer)).gets("/v1/notes")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"] == 'Bearer realm="gerai", error="invalid_token"'

    @pytest.mark.parametrize(
        "subject",
        [
            "7413010101900001",
            "nik-7413010101900001",
            "081234567890",
            "a@b.id",
            "7413.0101.0190.0001",
            "+62 812-3456-7890",
            "(0812) 345 678",
            "198501012010011001",
            "74130101019000017413010101900001",
            "01234567-89ab-4cde-8123-123456789012-7413010101900001",
            "7413_0101:0190/0001",
        ],
    )
    async def test_a_subject_that_tells_who_somebody_is_is_refused(self, door: Door, subject: str) -> None:
        answer = await door.client(sub=subject).gets("/v1/notes")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")

    @pytest.mark.parametrize(
        "subject",
        [
            "01234567-89ab-4cde-8123-123456789012",
            "oidc|01234567-89ab-4cde-8123-123456789012",
            "0123456789ab4cde8123123456789012",
            "auth0|507f1f77bcf8612345678901",
            "8f0123456789ab4cde81231234567890128f0123456789ab4cde812312345678",
            "officer-dpmptsp-12",
            "shift-20261124",
        ],
    )
    async def test_an_id_that_happens_to_hold_many_digits_is_taken(self, door: Door, subject: str) -> None:
        assert (await door.client(sub=subject).gets("/v1/notes")).status_code == 200

    async def test_nobody_is_asked_to_sign_in(self, door: Door) -> None:
        answer = await door.stranger().gets("/v1/notes")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="gerai"'

    async def test_who_may_not_come_in_is_told_so_before_the_body_is_looked_at(self, door: Door) -> None:
        assert (await door.stranger().sends(b"{" * 1_000_000)).status_code == 401

    async def test_a_good_token_is_checked_once_and_not_after_it_expired(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        issuer, begun = Issuer(), int(time.time())
        at = [float(begun)]
        guard = Authenticator(Keys(issuer.fetch), issuer=ISSUER, audience="gerai", clock=lambda: at[0])
        bearer = f"Bearer {issuer.token(exp=begun + 60)}"
        checks: list[str] = []
        decode = jwt.decode
        monkeypatch.setattr(auth.jwt, "decode", lambda *a, **k: checks.append("") or decode(*a, **k))
        first = await guard.caller(bearer)
        assert await guard.caller(bearer) is first
        assert len(checks) == 1
        at[0] = begun + 60 + auth.LEEWAY_S
        with pytest.raises(Problem, match="invalid_token"):
            await guard.caller(bearer)

    async def test_rs256_is_taken_and_a_smaller_cousin_is_not(self) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "r", "use": "sig"}

        async def fetch() -> Any:
            return {"keys": [public]}

        guard = Authenticator(Keys(fetch), issuer=ISSUER, audience="gerai")
        claims = Issuer().claims()
        good = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "r"})
        assert (await guard.caller(f"Bearer {good}")).tenant == "muna-barat"
        for algorithm in ("RS384", "PS256"):
            other = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "r"})
            with pytest.raises(Problem, match="invalid_token"):
                await guard.caller(f"Bearer {other}")
        mislabelled = sealed(
            claims, says="ES256", kid="r", sign=lambda text: key.sign(text, PKCS1v15(), hashes.SHA256())
        )
        with pytest.raises(Problem, match="invalid_token"):
            await guard.caller(f"Bearer {mislabelled}")

    async def test_a_symmetric_key_in_the_document_makes_nobody_an_issuer(self, door: Door) -> None:
        secret = b"0123456789abcdef0123456789abcdef"
        coded = base64.urlsafe_b64encode(secret).decode().rstrip("=")
        door.issuer.more = [{"kty": "oct", "kid": "s", "k": coded, "alg": "HS256"}]
        for says in ("HS256", "ES256"):
            forged = sealed(door.issuer.claims(), says=says, kid="s", sign=hmac_of(secret))
            assert (await door.stranger(forged).gets("/v1/notes")).status_code == 401

    async def test_the_memory_of_good_tokens_is_bounded(
        self, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(auth, "CACHE_LIMIT", 3)
        guard: Authenticator = door.app.state.authenticator
        for number in range(10):
            await guard.caller(f"Bearer {door.issuer.token(sub=f'officer-{number}')}")
        assert len(guard._known) == 3
