"""Large imports on real MongoDB: another regency's requests go on beside them, also where commits are slow, and one
that is killed half-way is finished by its retry."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from registry_builders import COUNTER, INSTITUTION, SERVICE, SITE
from registry_front_door import Client
from registry_process import killable_registry, registry_process

from gerai.chassis.testing import eventually

ROWS = 500
IMPORTS = 20
SLOW_MS = 60
"""What each commit takes longer; a transaction of an idle machine takes some 5 ms."""


def mall(name: str, services: int) -> dict[str, list[dict[str, Any]]]:
    """A site with so many services, ten at a counter; other names have other ids."""
    counters = -(-services // 10)
    return {
        "sites": [{"id": f"{name}-mpp", **SITE}],
        "institutions": [{"id": f"{name}-dinas", **INSTITUTION}],
        "counters": [
            {"id": f"{name}-c{n}", **COUNTER, "site_id": f"{name}-mpp", "institution_id": f"{name}-dinas"}
            for n in range(counters)
        ],
        "services": [
            {"id": f"{name}-s{n}", **SERVICE, "counter_id": f"{name}-c{n // 10}", "prefix": prefix(n)}
            for n in range(services)
        ],
    }


def prefix(number: int) -> str:
    return "".join(chr(ord("A") + number // 26**place % 26) for place in (2, 1, 0))


@contextmanager
def slow_commits(mongodb_uri: str, database: str) -> Iterator[None]:
    """As on a slow disk, for one service only."""
    with MongoClient(mongodb_uri) as client:
        blocked = {
            "failCommands": ["commitTransaction"],
            "blockConnection": True,
            "blockTimeMS": SLOW_MS,
            "appName": f"gerai-{database}",
        }
        client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=blocked)
        try:
            yield
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")


class Office:
    """Another regency's registrar, who registers one institution after the other."""

    def __init__(self, address: str) -> None:
        self._client = Client(address, tenant="buton")
        self.seconds: list[float] = []

    async def registers(self, count: int) -> None:
        for _ in range(count):
            await self._one()

    async def until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await self._one()

    async def _one(self) -> None:
        begun = time.perf_counter()
        answer = await self._client.posts("/v1/institutions", {"id": uuid.uuid4().hex, **INSTITUTION})
        assert answer.status_code == 201
        self.seconds.append(time.perf_counter() - begun)

    def p95(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.95)]


@pytest.fixture
def database() -> str:
    return f"registry_{uuid.uuid4().hex[:8]}"


async def beside(address: str, work: Any) -> tuple[Any, Office]:
    """What the work answers, and an office that went on all the time."""
    office, done = Office(address), asyncio.Event()
    going_on = asyncio.create_task(office.until(done))
    answers = await work
    done.set()
    await going_on
    return answers, office


async def test_another_regency_waits_for_one_part_though_every_commit_is_slow(
    mongodb_uri: str, kafka_bootstrap: str, database: str
):
    async with registry_process(
        mongodb_uri=mongodb_uri, database=database, kafka_bootstrap=kafka_bootstrap
    ) as address:
        with slow_commits(mongodb_uri, database):
            idle = Office(address)
            await idle.registers(20)
            answer, office = await beside(address, importer(address).posts("/v1/imports", mall("x", ROWS)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["registered"] == ROWS + ROWS // 10 + 2
    assert office.p95() <= 4 * idle.p95(), (office.p95(), idle.p95())


async def test_twenty_imports_of_one_regency_do_not_hold_up_another_ones_commands(
    mongodb_uri: str, kafka_bootstrap: str, database: str
):
    async with registry_process(
        mongodb_uri=mongodb_uri, database=database, kafka_bootstrap=kafka_bootstrap
    ) as address:
        begun = time.perf_counter()
        files = (mall(f"m{n}", 100) for n in range(IMPORTS))
        answers, office = await beside(
            address, asyncio.gather(*(importer(address).posts("/v1/imports", file) for file in files))
        )
        took = time.perf_counter() - begun
    assert {answer.status_code for answer in answers} == {200}
    assert max(office.seconds) < took / 5, "who waits for all of them waits nearly all the time"
    assert len(office.seconds) > IMPORTS


async def test_an_import_that_is_killed_half_way_is_finished_by_its_retry(
    mongodb_uri: str, kafka_bootstrap: str, database: str
):
    key, file = uuid.uuid4().hex, mall("x", 300)
    rows = sum(map(len, file.values()))
    parts = {"mongodb_uri": mongodb_uri, "database": database, "kafka_bootstrap": kafka_bootstrap}
    with MongoClient(mongodb_uri) as client:
        kept = client[database]
        async with killable_registry(**parts) as (address, process):
            with slow_commits(mongodb_uri, database):
                asking = asyncio.create_task(importer(address).posts("/v1/imports", file, key=key))
                await eventually(
                    lambda: asyncio.to_thread(kept.services.count_documents, {}),
                    lambda count: count > 0,
                    because="some parts are written",
                    within=30,
                )
                process.kill()
            with pytest.raises(httpx.TransportError):
                await asking
        assert kept.services.count_documents({}) < 300, "it was killed half-way"
        async with registry_process(**parts) as address:
            answer = await importer(address).posts("/v1/imports", file, key=key)
            again = await importer(address).posts("/v1/imports", file, key=key)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["registered"], answer.json()["unchanged"]) == (rows, 0)
        assert len(answer.json()["entries"]) == rows
        assert again.content == answer.content
        assert kept.services.count_documents({}) == 300
        assert kept.outbox.count_documents({"aggregate": {"$exists": True}}) == rows, "each is said once"


def importer(address: str) -> Client:
    return Client(address, patience_s=120)
