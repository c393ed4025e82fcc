"""An issuer of tokens that a test holds in its hand."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from gerai.chassis.auth import Authenticator
from gerai.chassis.keys import Keys
from gerai.chassis.testing.contexts import AUDIENCE, ISSUER


class Issuer:
    """Signs tokens, and counts how often it is asked for its keys."""

    def __init__(self) -> None:
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.more: list[dict[str, Any]] = []
        self.asked = 0
        self.down = False

    async def fetch(self) -> dict[str, Any]:
        """Its JWKS document, as `gerai.chassis.keys.Keys` asks for it. Raises httpx.ConnectError while it is down."""
        self.asked += 1
        if self.down:
            raise httpx.ConnectError("the issuer is down")
        return self.document()

    def document(self) -> dict[str, Any]:
        return {"keys": [self.public(kid) for kid in self.keys] + self.more}

    def public(self, kid: str) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.keys[kid].public_key()))
        return {**jwk, "kid": kid, "alg": "ES256", "use": "sig"}

    def claims(self, **changed: Any) -> dict[str, Any]:
        """An officer's of Muna Barat, for ten minutes, but for what is `changed`; None leaves a claim out."""
        now = int(time.time())
        usual: dict[str, Any] = {
            "sub": "officer-1",
            "tenant": "muna-barat",
            "roles": ["officer"],
            "iss": ISSUER,
        }
        usual |= {"aud": AUDIENCE, "exp": now + 600, "nbf": now - 10}
        return {name: value for name, value in (usual | changed).items() if value is not None}

    def token(self, *, kid: str = "k1", **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), self.keys[kid], algorithm="ES256", headers={"kid": kid})

    def token_of(self, role: str, **changed: Any) -> str:
        """Of somebody with one role: `kiosk` is "kiosk-1"."""
        return self.token(**{"sub": f"{role}-1", "roles": [role], **changed})

    def authenticator(self) -> Authenticator:
        """What an application asks that trusts this issuer."""
        return Authenticator(Keys(self.fetch), issuer=ISSUER, audience=AUDIENCE)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address of its keys, for a service in another process."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.document()).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}/jwks"
            server.shutdown()
            thread.join()
