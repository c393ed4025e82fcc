"""Large bodies, files, pages and streams over real sockets: the process stays small, nothing half is left, and the OpenAPI
document says what is so."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import papers
import pytest
from notes_process import notes_process
from papers_desk import ADDRESS, kept_in

from gerai.chassis.testing import Issuer, ServiceProcess, eventually, own_database
from gerai.messaging.mongo.driver import Driver

ROOT = Path(__file__).parents[4]
CONFIG = ROOT / "tests" / "integration" / "schemathesis.toml"
PIECE = os.urandom(64 * 1024)
MIB = 2**20
WITHIN_S = 240.0

pytestmark = pytest.mark.timeout(60 + WITHIN_S)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The service as a process, where it keeps its papers, and somebody who may hand some in."""

    process: ServiceProcess
    shelf: Path
    token: str

    @property
    def papers(self) -> list[bytes]:
        return kept_in(self.shelf)

    async def sends(self, size: int, *, states_length: bool = True, **headers: str) -> httpx.Response:
        """So many bytes, as fast as they are taken."""

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(size // len(PIECE)):
                yield PIECE

        stated = {"authorization": f"Bearer {self.token}", "content-type": "application/pdf"}
        stated |= {"idempotency-key": uuid.uuid4().hex, **headers}
        if states_length:
            stated["content-length"] = str(size)
        return await self.process.http.post(ADDRESS, content=pieces(), headers=stated, timeout=60)

    def memory(self, name: str) -> float:
        """Megabytes: `VmRSS` now, `VmHWM` at its highest since `forget_peak`."""
        status = Path(f"/proc/{self.process.process.pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024 / 1e6

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.process.pid}/clear_refs").write_text("5", encoding="ascii")


@pytest.fixture
async def desk(mongodb_uri: str, driver: Driver, tmp_path: Path) -> AsyncIterator[Desk]:
    issuer = Issuer()
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with issuer.served() as keys:
        async with (
            own_database(mongodb_uri, "papers_test", driver=driver) as database,
            notes_process(
                "papers",
                mongodb_uri=mongodb_uri,
                mongodb_database=database.name,
                mongodb_driver=driver.value,
                jwks_url=keys,
                shelf=str(shelf),
                keeps_log=False,
            ) as process,
        ):
            await process.reaches("/health/ready", 200)
            yield Desk(process=process, shelf=shelf, token=issuer.token_of("applicant"))


async def test_fifty_megabytes_pass_both_ways_through_a_process_that_stays_small(desk: Desk) -> None:
    assert (await desk.sends(MIB)).status_code == 201
    before = desk.memory("VmRSS")
    desk.forget_peak()
    answer = await desk.sends(papers.LIMIT)
    assert answer.status_code == 201 and answer.json()["size"] == papers.LIMIT
    address, size = f"/v1/papers/{answer.json()['id']}/content", 0
    headers = {"authorization": f"Bearer {desk.token}"}
    async with desk.process.http.stream("GET", address, headers=headers) as file:
        async for piece in file.aiter_raw():
            size += len(piece)
    assert size == papers.LIMIT
    assert desk.memory("VmHWM") - before <= 20


@pytest.mark.parametrize("states_length", [True, False])
async def test_two_hundred_megabytes_are_refused_and_leave_nothing(desk: Desk, states_length: bool) -> None:
    before = desk.memory("VmRSS")
    desk.forget_peak()
    try:
        answer = await desk.sends(200 * MIB, states_length=states_length)
        assert answer.status_code == 413
    except (
        httpx.WriteError,
        httpx.ReadError,
    ) as error:  # it goes on sending after it was told, and does not listen
        assert error.request.url.path == ADDRESS

    async def left() -> list[bytes]:
        return desk.papers

    await eventually(left, lambda seen: seen == [], because="nothing is left of it")
    assert desk.memory("VmHWM") - before <= 20


async def test_forty_clients_that_break_off_leave_nothing_and_harm_nobody(desk: Desk) -> None:
    async def breaks_off() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", desk.process.port)
        head = f"POST {ADDRESS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {desk.token}\r\n"
        head += f"idempotency-key: {uuid.uuid4().hex}\r\ncontent-type: application/pdf\r\n"
        writer.write(head.encode() + b"content-length: 40000000\r\n\r\n" + PIECE * 8)
        await writer.drain()
        writer.transport.abort()

    await asyncio.gather(*(breaks_off() for _ in range(40)))

    async def sends() -> int:
        return (await desk.sends(MIB)).status_code

    await eventually(sends, lambda status: status == 201, because="their places are given back")

    async def left() -> list[int]:
        return [len(paper) for paper in desk.papers]

    await eventually(left, lambda seen: seen == [MIB], because="only the whole one is there")


async def test_what_the_document_says_of_uploads_files_pages_and_tickets_is_so(desk: Desk) -> None:
    document = f"{desk.process.operators.base_url}/openapi.json"
    options = ["--url", desk.process.address, "--checks", "all", "--seed", "20261128", "--no-color"]
    options += ["--max-examples", "5", "--continue-on-failure", "-H", f"Authorization: Bearer {desk.token}"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", document, *options),
        cwd=desk.shelf.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()
    said = output.decode(errors="replace")
    assert process.returncode == 0, said
    assert "Tested: 4" in said, said
    assert desk.papers, "some were taken"
