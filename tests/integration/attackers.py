"""What somebody with a few addresses, or with one token, may try against one process. Each stops by itself; loopback only.

`python -m tests.integration.attackers NAME PORT SECONDS` runs one of them in a process of its own, so that its work does
not disturb the measuring. It prints a line when it has begun, and at the end how often it was answered with which status.
`GERAI_ATTACKERS_TOKEN` holds the token of those that have one.

It runs with the lowest priority. Attackers have machines of their own; on this one they would take the processor from the
very process that they attack, and the test would measure that.
"""

import asyncio
import json
import os
import re
import resource
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count

HOST = "127.0.0.1"
SOURCES = [HOST, *(f"127.0.0.{last}" for last in range(101, 108))]
"""Addresses that a crowd comes from: each has less than one address may, and together they have more than strangers may.
The officers' own is among them, as if they were behind the same router."""
ONE_SOURCE = SOURCES[:1]
CROWD = 2_600
LEAST_PRIORITY = 19
BEGINS_S = 30.0
PIPELINED = 400_000
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
CANCEL = b"POST /v1/visits/nothing.here/cancel HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\n"
LOOK = b"GET /v1/visits/nothing.here HTTP/1.1\r\nhost: x\r\n\r\n"
CHUNKED = CANCEL + b"transfer-encoding: chunked\r\n\r\n"
NOWHERE = b"GET /v1/nowhere/%d HTTP/1.1\r\nhost: x\r\n\r\n"
READ = b"GET /v1/desks/tahan-7 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n\r\n"
FORGED = b"GET /v1/desks/ramai-1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.e30.%d\r\n\r\n"


class Attack:
    """Connections to one port, for so long from the first one on."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._seconds = seconds
        self._begun = asyncio.Event()
        self.answered: Counter[int] = Counter()
        self.refused = 0

    async def each(
        self,
        connections: int,
        act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        *,
        sources: Sequence[str] = SOURCES,
    ) -> None:
        """So many connections, each of which is opened again for as long as the attack goes on."""

        async def connect(source: str) -> None:
            while True:
                with suppress(OSError, asyncio.IncompleteReadError):
                    reader, writer = await asyncio.open_connection(HOST, self._port, local_addr=(source, 0))
                    self._tell()
                    try:
                        await act(reader, writer)
                    finally:
                        writer.transport.abort()
                self.refused += 1
                await asyncio.sleep(0.2)

        crowd = [asyncio.create_task(connect(sources[n % len(sources)])) for n in range(connections)]
        await asyncio.wait_for(self._begun.wait(), BEGINS_S)
        await asyncio.sleep(self._seconds)
        for member in crowd:
            member.cancel()
        await asyncio.wait(crowd)

    def _tell(self) -> None:
        """One line as soon as it has begun."""
        if not self._begun.is_set():
            self._begun.set()
            print("begun", flush=True)

    async def hears(self, reader: asyncio.StreamReader) -> None:
        """Until the other side ends it."""
        while data := await reader.read(65_536):
            for status in STATUS.findall(data):
                self.answered[int(status)] += 1


async def heads(attack: Attack) -> None:
    """A head that promises a body, and no body."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CANCEL + b"content-length: 100\r\n\r\n")
        await attack.hears(reader)

    await attack.each(CROWD, act)


async def drops(attack: Attack) -> None:
    """A body, byte by byte."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CANCEL + b"content-length: 8000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.5)

    await attack.each(500, act)


async def silent(attack: Attack) -> None:
    """Sockets that never say anything, all from one address."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await attack.hears(reader)

    await attack.each(CROWD, act, sources=ONE_SOURCE)


async def _endless(attack: Attack, begin: bytes, part: bytes) -> None:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hearing = asyncio.create_task(attack.hears(reader))
        writer.write(begin)
        try:
            while not hearing.done():
                writer.write(part)
                await writer.drain()
        finally:
            hearing.cancel()

    await attack.each(32, act)


async def headers(attack: Attack) -> None:
    """A head without end."""
    await _endless(attack, b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 10_000)


async def address(attack: Attack) -> None:
    """An address without end."""
    await _endless(attack, b"GET /", b"a" * 65_536)


async def pipeline(attack: Attack) -> None:
    """Requests without end, whose answers nobody reads."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(LOOK * (PIPELINED // 8))
        await asyncio.sleep(60)

    await attack.each(8, act)


async def forgers(attack: Attack) -> None:
    """Bad tokens, each another one, as fast as they are answered."""
    numbers = count()
    await _asks(attack, lambda: FORGED % next(numbers))


async def nowhere(attack: Attack) -> None:
    """Addresses that do not exist, each another one."""
    numbers = count()
    await _asks(attack, lambda: NOWHERE % next(numbers))


async def flood(attack: Attack) -> None:
    """Reads with a good token, as fast as they are answered."""
    request = _with_token()
    await _asks(attack, lambda: request)


async def _asks(attack: Attack, request: Callable[[], bytes]) -> None:
    """As fast as it is answered, from one address: rates are by address."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await _ask(attack, reader, writer, request())

    await attack.each(32, act, sources=ONE_SOURCE)


async def _ask(
    attack: Attack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    attack.answered[int(head[9:12])] += 1
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def crowd(attack: Attack) -> None:
    """One token, shown on as many connections as it can open."""
    request = _with_token()

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _ask(attack, reader, writer, request)
        await attack.hears(reader)

    await attack.each(CROWD, act)


def _with_token() -> bytes:
    return READ % os.environ["GERAI_ATTACKERS_TOKEN"].encode()


async def bodies(attack: Attack) -> None:
    """A body without end."""
    await _endless(attack, CHUNKED, b"2000\r\n" + b" " * 8_192 + b"\r\n")


async def trailers(attack: Attack) -> None:
    """A body that ends, and what may follow it without end."""
    await _endless(attack, CHUNKED + b"0\r\n", b"a: b\r\n" * 10_000)


async def comers(attack: Attack) -> None:
    """Who connects and leaves."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"G")

    await attack.each(100, act)


ATTACKS = {
    attack.__name__: attack
    for attack in (
        heads,
        drops,
        silent,
        comers,
        headers,
        address,
        bodies,
        trailers,
        pipeline,
        forgers,
        nowhere,
        flood,
        crowd,
    )
}


def main() -> Iterator[str]:
    name, port, seconds = sys.argv[1:]
    os.nice(LEAST_PRIORITY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    attack = Attack(int(port), float(seconds))
    asyncio.run(ATTACKS[name](attack))
    yield json.dumps({"answered": attack.answered, "refused": attack.refused})


if __name__ == "__main__":
    print(*main())
