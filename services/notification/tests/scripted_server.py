"""A server that answers each request with the next scripted bytes, or hangs up, or says nothing. It keeps what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

HANG_UP = b""
SILENCE = None


def answer(status: int, body: str, *headers: str, kind: str = "application/json") -> bytes:
    head = [
        f"HTTP/1.1 {status} X",
        f"content-type: {kind}",
        f"content-length: {len(body.encode())}",
        *headers,
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


class Scripted:
    def __init__(self, script: Sequence[bytes | None]) -> None:
        self._script = list(script)
        self.requests: list[tuple[str, bytes]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self._script:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0] or 0)
                self.requests.append((head, await reader.readexactly(length)))
                said = self._script.pop(0)
                if said is SILENCE:
                    await reader.read()
                    return
                if said == HANG_UP:
                    return
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client has gone; the test looks at what came
        finally:
            writer.close()


@asynccontextmanager
async def scripted(*script: bytes | None) -> AsyncIterator[Scripted]:
    made = Scripted(script)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made
