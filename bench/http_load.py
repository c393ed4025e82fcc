"""A small HTTP/1.1 load generator: keep-alive connections, prepared bytes, nothing parsed but what counts.

A general HTTP client costs more per request than the service under test; on two cores that would measure the
client.
"""

import asyncio
import itertools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def wire(self, host: str, key: str) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: {host}", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.method == "POST":
            lines += ["content-type: application/json", f"idempotency-key: {key}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass
class Load:
    """What a load run saw. Latencies in seconds."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(count for status, count in self.statuses.items() if status < 300)

    @property
    def per_second(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        return percentile(self.latencies, share)

    def saw(self, status: int, body: bytes, latency: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(latency)
        if status >= 300 and len(self.refusals) < 5:
            self.refusals.append(body[:300])


def percentile(values: list[float], share: float) -> float:
    """Nearest rank; 0.0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Connection:
    """One keep-alive connection; one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._keys = (f"{uuid.uuid4().hex}-{n}" for n in itertools.count())

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, request: Request, *, key: str | None = None) -> tuple[int, bytes]:
        """Status and body. Raises ConnectionError when the server goes away."""
        self._writer.write(request.wire(f"{self._host}:{self._port}", key or next(self._keys)))
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 60)
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        body = await self._reader.readexactly(length) if length else b""
        return int(head[9:12]), body


async def drive(
    url: str, *, connections: int, seconds: float, next_request: Callable[[int], Request]
) -> Load:
    """Keep `connections` busy for `seconds`; `next_request(connection number)` says with what."""
    load = Load()
    ends = time.perf_counter() + seconds

    async def one(number: int) -> None:
        async with Connection(url) as connection:
            while (begun := time.perf_counter()) < ends:
                status, body = await connection.send(next_request(number))
                load.saw(status, body, time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(connections)))
    load.seconds = time.perf_counter() - begun
    return load
