"""What a stranger with one machine may try against one process. Each stops by itself; loopback only.

`python -m tests.integration.attackers NAME PORT SECONDS` runs one of them in a process of its own, so that its work does
not disturb the measuring. It prints a line when it has begun, and at the end how often it was answered with which status.
"""

import asyncio
import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import count

HOST = "127.0.0.1"
CROWD = 2_000
PIPELINED = 400_000
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
CANCEL = b"POST /v1/visits/nothing.here/cancel HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\n"
LOOK = b"GET /v1/visits/nothing.here HTTP/1.1\r\nhost: x\r\n\r\n"
FORGED = b"GET /v1/desks/ramai-1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.e30.%d\r\n\r\n"


class Attack:
    """Connections to one port, for so long."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._ends = time.monotonic() + seconds
        self._begun = False
        self.answered: Counter[int] = Counter()
        self.refused = 0

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._ends

    async def each(
        self, connections: int, act: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        """So many connections, each of which is opened again for as long as the attack goes on."""

        async def one() -> None:
            while self.goes_on:
                with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                    async with asyncio.timeout_at(
                        asyncio.get_running_loop().time() + max(0.0, self._ends - time.monotonic())
                    ):
                        reader, writer = await asyncio.open_connection(HOST, self._port)
                        self._tell()
                        try:
                            await act(reader, writer)
                        finally:
                            writer.transport.abort()
                self.refused += 1
                await asyncio.sleep(0.2)

        await asyncio.gather(*(one() for _ in range(connections)))

    def _tell(self) -> None:
        """One line as soon as it has begun."""
        if not self._begun:
            self._begun = True
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
        while attack.goes_on:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.5)

    await attack.each(500, act)


async def silent(attack: Attack) -> None:
    """Sockets that never say anything."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await attack.hears(reader)

    await attack.each(CROWD, act)


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

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while attack.goes_on:
            writer.write(FORGED % next(numbers))
            head = await reader.readuntil(b"\r\n\r\n")
            attack.answered[int(head[9:12])] += 1
            await reader.readexactly(
                int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            )

    await attack.each(32, act)


ATTACKS = {one.__name__: one for one in (heads, drops, silent, headers, address, pipeline, forgers)}


def main() -> Iterator[str]:
    name, port, seconds = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    attack = Attack(int(port), float(seconds))
    asyncio.run(ATTACKS[name](attack))
    yield json.dumps({"answered": attack.answered, "refused": attack.refused})


if __name__ == "__main__":
    print(*main())
