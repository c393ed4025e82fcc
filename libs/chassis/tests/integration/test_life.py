"""A process's life with real parts: from its first answer to its last."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from notes_process import notes_process

from gerai.chassis.testing import Issuer, ServiceProcess, eventually
from gerai.messaging.mongo.driver import connect


@pytest.fixture
def issuer() -> Iterator[tuple[Issuer, str]]:
    """An issuer whose keys can be fetched."""
    signing = Issuer()
    with signing.served() as address:
        yield signing, address


@pytest.fixture
async def database(mongodb_uri: str) -> AsyncIterator[str]:
    name = f"notes_{uuid.uuid4().hex[:8]}"
    yield name
    opened = connect(mongodb_uri, name)
    await opened.drop()
    await opened.close()


async def add(notes: ServiceProcess, token: str, text: str) -> int | str:
    headers = {"authorization": f"Bearer {token}", "idempotency-key": uuid.uuid4().hex}
    try:
        answer = await notes.http.post("/v1/notes", json={"text": text}, headers=headers)
    except httpx.TransportError as error:
        return type(error).__name__
    return answer.status_code


class TestStop:
    async def test_what_was_answered_is_kept_and_nothing_is_answered_halfway(
        self, mongodb_uri: str, database: str, issuer: tuple[Issuer, str]
    ) -> None:
        signing, jwks_url = issuer
        token = signing.token()
        async with notes_process(
            mongodb_uri=mongodb_uri, mongodb_database=database, jwks_url=jwks_url
        ) as notes:
            await notes.reaches("/health/ready", 200)
            seen: list[int | str] = []

            async def visitor(name: int) -> None:
                for number in range(10_000):
                    seen.append(status := await add(notes, token, f"{name}-{number}"))
                    if status != 201:
                        return

            visitors = [asyncio.create_task(visitor(name)) for name in range(16)]
            while len(seen) < 200:
                await asyncio.wait(visitors, timeout=0.01)
            notes.ask_to_stop()
            await asyncio.gather(*visitors)
            status, log = await notes.end()
        assert status == 0
        assert log[-1]["event"] == "stopped"
        answered = seen.count(201)
        assert answered >= 200
        assert set(seen) <= {201, 503, "ConnectError", "ReadError", "RemoteProtocolError"}
        opened = connect(mongodb_uri, database)
        kept = await opened["notes"].count_documents({})
        await opened.close()
        assert answered <= kept <= answered + 16


class TestWorker:
    async def test_it_waits_for_a_broker_and_lives(self, mongodb_uri: str, database: str) -> None:
        async with notes_process(mongodb_uri=mongodb_uri, mongodb_database=database, roles="worker") as notes:
            await notes.reaches("/health/startup", 200)
            assert await notes.status_of("/health/live") == 200
            ready = await notes.http.get("/health/ready")
            assert (ready.status_code, ready.json()["why"]) == (503, "TopicsNotReady")
            notes.ask_to_stop()
            status, _ = await notes.end()
        assert status == 0

    async def test_what_is_due_fires_although_kafka_is_away_and_not_before_what_it_looks_at_was_read(
        self, mongodb_uri: str, database: str
    ) -> None:
        opened = connect(mongodb_uri, database)
        due = {"due": datetime.now(UTC) - timedelta(hours=9), "payload": {}, "version": 1}
        await opened["timers"].insert_one(
            {"_id": "remind:tea", "name": "remind", "key": "tea", "tenant": "a", **due}
        )
        settings = {"mongodb_uri": mongodb_uri, "mongodb_database": database, "roles": "worker"}

        async def looked() -> bool:
            found = await opened["shelves"].find_one({"_id": "looked"})
            return found is not None and found["times"] > 20

        async def told() -> list[str]:
            return [one["text"] for one in await opened["notes"].find({}).to_list(None)]

        async with notes_process("reminders", **settings) as reminders:
            await eventually(looked, bool, because="it looks for what the timer needs", within=60)
            assert await reminders.status_of("/health/startup") == 503
            await opened["shelves"].insert_one({"_id": "shelf", "holds": "two cups"})
            await eventually(told, bool, because="the timer was due long ago")
            assert await told() == ["tea: two cups"]
            await reminders.reaches("/health/startup", 200)
            assert await reminders.status_of("/health/ready") == 503
            reminders.ask_to_stop()
            status, _ = await reminders.end()
        await opened.close()
        assert status == 0

    async def test_with_a_broker_it_starts_and_hands_over_when_it_stops(
        self, mongodb_uri: str, kafka_bootstrap: str, database: str
    ) -> None:
        settings = {"mongodb_uri": mongodb_uri, "mongodb_database": database, "roles": "worker"}
        async with notes_process(**settings, kafka_bootstrap=kafka_bootstrap) as notes:
            await notes.reaches("/health/ready", 200)
            assert await notes.status_of("/v1/notes") == 404
            assert "gerai_outbox_pending" in (await notes.operators.get("/metrics")).text
            opened = connect(mongodb_uri, database)
            lease = await opened["leases"].find_one({"_id": "relay"})
            assert lease is not None and lease["token"] is not None
            notes.ask_to_stop()
            status, _ = await notes.end()
            lease = await opened["leases"].find_one({"_id": "relay"})
            await opened.close()
        assert status == 0
        assert lease is not None and lease["token"] is None

    async def test_an_api_serves_although_kafka_is_away(
        self, mongodb_uri: str, database: str, issuer: tuple[Issuer, str]
    ) -> None:
        signing, jwks_url = issuer
        settings = {"mongodb_uri": mongodb_uri, "mongodb_database": database, "roles": "api,worker"}
        async with notes_process(**settings, jwks_url=jwks_url) as notes:
            await notes.reaches("/health/ready", 200)
            assert await add(notes, signing.token(), "a") == 201
