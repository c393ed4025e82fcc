"""A real issuer, over HTTP, that rotates its keys, hangs, drips and dies."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gerai.chassis import keys as issuer_keys
from gerai.chassis.auth import Authenticator
from gerai.chassis.keys import TRUSTED_S, Keys, fetch_from
from gerai.chassis.problems import Problem
from gerai.chassis.testing import ISSUER, Issuer, eventually


class LittleIssuer(Issuer):
    """Its keys at an address of this machine."""

    port = 0
    mood = "well"

    def __init__(self) -> None:
        super().__init__()
        self.end = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            body = json.dumps(await self.fetch()).encode()
            if self.mood == "large":
                body += b" " * (2 * issuer_keys.DOCUMENT_BYTES)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body))
            while self.mood == "hangs" or (self.mood == "drips" and body):
                if self.mood == "drips":
                    writer.write(body[:1])
                    body = body[1:]
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.end.wait(), 0.05)
            writer.write(body)
            await writer.drain()
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.answer, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()


@pytest.fixture
def issuer() -> LittleIssuer:
    return LittleIssuer()


def gate_of(issuer: LittleIssuer, now: list[float]) -> Authenticator:
    fetch = fetch_from(f"http://127.0.0.1:{issuer.port}/jwks")
    return Authenticator(Keys(fetch, now=lambda: now[0]), issuer=ISSUER, audience="gerai")


async def status(gate: Authenticator, token: str) -> int:
    try:
        await gate.caller(f"Bearer {token}")
    except Problem as problem:
        return problem.status
    return 200


async def test_no_token_outlives_its_keys_bound_after_the_issuer_rotated_and_died(
    issuer: LittleIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "GAP_S", 0.05)
    now = [0.0]
    async with issuer.listening():
        gate = gate_of(issuer, now)
        known, fresh = issuer.token(sub="known"), issuer.token(sub="fresh")
        assert await status(gate, known) == 200
        issuer.keys = {"k2": ec.generate_private_key(ec.SECP256R1())}
    now[0] = TRUSTED_S - 1
    assert (await status(gate, known), await status(gate, fresh)) == (200, 200)
    now[0] = TRUSTED_S
    assert (await status(gate, known), await status(gate, fresh)) == (503, 503)
    async with issuer.listening():
        assert (await status(gate, known), await status(gate, fresh)) == (401, 401)
        assert await status(gate, issuer.token(kid="k2")) == 200


@pytest.mark.parametrize("mood", ["hangs", "drips", "large"])
async def test_an_issuer_that_does_not_come_to_an_end_holds_nobody_up(
    issuer: LittleIssuer, mood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "GAP_S", 0.05)
    monkeypatch.setattr(issuer_keys, "FETCH_S", 0.4)
    async with issuer.listening():
        gate = gate_of(issuer, [0.0])
        assert await status(gate, issuer.token()) == 200
        issuer.mood = mood

        async def times_asked() -> int:
            return issuer.asked

        asking = asyncio.create_task(gate.keys._asked())
        await eventually(times_asked, lambda times: times == 2, because="the keys are being refreshed")
        async with asyncio.timeout(0.2):
            assert await status(gate, issuer.token(sub="another")) == 200
        async with asyncio.timeout(2):
            assert await status(gate, issuer.token(kid="k1").replace(".", "x.", 1)) == 401
            await asking
        assert gate.keys.holds("k1", gate.keys._keys["k1"])
