"""Papers are handed in: what a careful client sends, and what became of it on the shelf."""

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
from notes_door import Client, Door
from wire import Wire

from gerai.chassis.connections import Limits
from gerai.chassis.testing import eventually

ADDRESS = "/v1/applications/izin-1/papers/surat-tanah"
PDF = b"%PDF-1.7 " + bytes(range(256)) * 1_000
LIMITS = Limits(connections=8, strangers=4, strangers_per_address=3)


def kept_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


async def sends(
    client: Client, content: Any = PDF, *, key: str | None = None, address: str = ADDRESS, **headers: str
) -> httpx.Response:
    sent = {"content-type": "application/pdf", "idempotency-key": key or uuid.uuid4().hex}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.http.post(address, content=content, headers=sent)


async def in_pieces(content: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def scope_of(headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": ADDRESS,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }


def stated_by(desk: Door, **headers: str) -> dict[str, str]:
    token = desk.issuer.token(sub="applicant-1", roles=["applicant"])
    stated = {"host": "x", "authorization": f"Bearer {token}", "content-type": "application/pdf"}
    return stated | {"idempotency-key": uuid.uuid4().hex, **headers}


def head_of(desk: Door, **headers: str) -> bytes:
    stated = stated_by(desk, **headers)
    lines = [f"POST {ADDRESS} HTTP/1.1", *(f"{name}: {value}" for name, value in stated.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def until(holds: Callable[[], bool], because: str) -> None:
    """Sinks of these tests write in threads, so turns of the loop alone are not enough."""

    async def seen() -> bool:
        return holds()

    await eventually(seen, bool, because=because, within=10, every=0.002)


async def answered(wire: Wire) -> bytes:
    await until(lambda: b"HTTP/1.1 " in wire.received, "it is answered")
    return wire.received
