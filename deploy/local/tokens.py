"""The tokens of the local platform, signed with a key that is made at the first start.

In production an identity provider does this. Services check its tokens in the same way.
"""

import argparse
import base64
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.attached import attached
from local.failure import UnableToStart
from local.places import private_directory

AUDIENCE = "gerai"
TENANT = "muna-barat"
_ALGORITHM = "ES256"


class Role(StrEnum):
    """Who a token may say that its bearer is."""

    ADMIN = "admin"
    REGISTRAR = "registrar"
    SUPERVISOR = "supervisor"
    OFFICER = "officer"
    KIOSK = "kiosk"
    DISPLAY = "display"
    OPERATOR = "operator"


def role(name: str) -> Role:
    """The role of that name, or a refusal that lists the names there are."""
    try:
        return Role(name)
    except ValueError:
        raise UnableToStart(f"There is no role {name!r}; the roles are {', '.join(Role)}.") from None


def _require_one(roles: Sequence[str]) -> None:
    if not roles:
        raise UnableToStart(f"A token needs a role; the roles are {', '.join(Role)}.")


class Issuer:
    """Signs tokens, and shows the public key to check them with."""

    def __init__(self, *, url: str, key: ec.EllipticCurvePrivateKey) -> None:
        self.url = url
        self._key = key

    @classmethod
    def at(cls, directory: Path, *, url: str) -> "Issuer":
        """The issuer whose key lies in the directory; the key is made where there is none yet."""
        private_directory(directory)
        path = directory / "key.pem"
        if not path.exists():
            _write_new_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UnableToStart(f"{path} holds no key for {_ALGORITHM}: remove it, and a new one is made.")
        return cls(url=url, key=key)

    def mint(
        self,
        *roles: str,
        tenant: str = TENANT,
        subject: str | None = None,
        ttl: timedelta = timedelta(hours=12),
        now: datetime | None = None,
    ) -> str:
        """A token for one or more roles. `now` is for tests of expired tokens."""
        names = [role(name).value for name in roles]
        _require_one(names)
        issued = now or datetime.now(UTC)
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject or f"local-{names[0]}",
            "iat": issued,
            "nbf": issued,
            "exp": issued + ttl,
            "tenant": tenant,
            "roles": names,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": self.jwk()["kid"]})

    def jwk(self) -> dict[str, str]:
        """The public key; its id is its RFC 7638 thumbprint."""
        point = self._key.public_key().public_numbers()
        public = {
            "crv": "P-256",
            "kty": "EC",
            "x": _base64url(point.x.to_bytes(32, "big")),
            "y": _base64url(point.y.to_bytes(32, "big")),
        }
        canonical = json.dumps(public, separators=(",", ":"), sort_keys=True).encode()
        return {
            **public,
            "kid": _base64url(hashlib.sha256(canonical).digest()),
            "use": "sig",
            "alg": _ALGORITHM,
        }

    def documents(self) -> dict[str, dict[str, object]]:
        """What the issuer serves, by path."""
        return {
            "/jwks.json": {"keys": [self.jwk()]},
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/jwks.json",
                "id_token_signing_alg_values_supported": [_ALGORITHM],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
            },
        }


def _write_new_key(path: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    # Nobody else may read it, not even for the moment between creating and restricting it.
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    draft.replace(path)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def main(arguments: Sequence[str] | None = None) -> int:
    """`make token`: print a token for the platform that `make up` started."""
    parser = argparse.ArgumentParser(prog="local.tokens", description=main.__doc__)
    parser.add_argument("roles", nargs="?", default="", metavar="ROLE", help="one, or several with commas")
    parser.add_argument("--tenant", default=TENANT)
    parser.add_argument("--subject")
    parser.add_argument("--hours", type=float, default=12.0)
    chosen = parser.parse_args(arguments)
    try:
        roles = [role(name) for name in chosen.roles.replace(",", " ").split()]
        _require_one(roles)
        platform = attached()
        issuer = Issuer.at(platform.directory / "issuer", url=platform.addresses["issuer"])
        ttl = timedelta(hours=chosen.hours)
        print(issuer.mint(*roles, tenant=chosen.tenant, subject=chosen.subject, ttl=ttl))
    except UnableToStart as error:
        print(error.sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
