"""Who looks at the hours sees those of the own regency, whatever the others have."""

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gerai.chassis import ServiceContext, Settings
from gerai.chassis.auth import Authenticator
from gerai.chassis.clock import RealClock
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.keys import Keys
from gerai.chassis.service import application
from gerai.hourly.service import HourTally, assemble, service
from gerai.messaging.context import Context
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import connect
from gerai.messaging.unit_of_work import UnitOfWork

ISSUER = "http://issuer.test"
KEY = ec.generate_private_key(ec.SECP256R1())
FIRST = datetime(2026, 11, 24, 1, tzinfo=UTC)
FULL_PAGE = 24


async def _keys() -> dict[str, Any]:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    return {"keys": [{**public, "kid": "k1", "alg": "ES256"}]}


def bearer(tenant: str) -> dict[str, str]:
    claims = {"sub": "o", "tenant": tenant, "roles": ["officer"], "iss": ISSUER, "aud": "gerai"}
    times = {"exp": int(time.time()) + 600, "nbf": int(time.time()) - 10}
    token = jwt.encode({**claims, **times}, KEY, algorithm="ES256", headers={"kid": "k1"})
    return {"authorization": f"Bearer {token}"}


class Hall:
    """The service's application over HTTP, with a storage that can be filled."""

    def __init__(self, commit: GroupCommit, app: Edge) -> None:
        self._commit = commit
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hourly.test")

    async def had(self, tenant: str, *, hours: int) -> None:
        """One ticket in the first hour, two in the second, and so on."""

        async def fill(uow: UnitOfWork) -> None:
            for number in range(hours):
                hour = FIRST + timedelta(hours=number)
                tally = HourTally(id=f"{tenant}:{hour:%Y-%m-%dT%H}", tenant=tenant, hour=hour)
                uow.add(tally)
                for _ in range(number + 1):
                    tally.count(at=hour)

        await self._commit.execute(
            fill, context=Context(tenant=tenant, actor="consumer", correlation_id="c", traceparent=None)
        )

    async def shows(self, tenant: str) -> list[dict[str, Any]]:
        answer = await self._http.get("/v1/hours", headers=bearer(tenant))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    storage = MemoryStorage()
    database = connect("mongodb://127.0.0.1:1", "never_asked")
    settings = Settings(
        environment="development",  # type: ignore[arg-type]
        mongodb_uri="mongodb://127.0.0.1:1",
        mongodb_database="never_asked",
        kafka_bootstrap="127.0.0.1:1",
        issuer=ISSUER,
        jwks_url=f"{ISSUER}/jwks",
    )
    async with GroupCommit(storage, source="/gerai/hourly") as commit:
        service_context = ServiceContext(
            source="/gerai/hourly",
            settings=settings,
            clock=RealClock(),
            database=database,
            storage=storage,
            commit=commit,
            health=Health(),
        )
        app = application(service, service_context, assemble(service_context))
        app.state.authenticator = Authenticator(Keys(_keys), issuer=ISSUER, audience="gerai")
        yield Hall(commit, Edge(app))
    await database.close()


async def test_each_regency_sees_its_newest_hours_first(hall: Hall) -> None:
    await hall.had("badung", hours=3)
    await hall.had("muna-barat", hours=FULL_PAGE + 6)  # sorts behind the other, and fills a page by itself
    badung, muna = await hall.shows("badung"), await hall.shows("muna-barat")
    assert [one["tickets"] for one in badung] == [3, 2, 1]
    assert [one["tickets"] for one in muna] == list(range(FULL_PAGE + 6, 6, -1))
    assert {one["tenant"] for one in badung} == {"badung"}
    assert {one["tenant"] for one in muna} == {"muna-barat"}


async def test_an_hour_is_shown_as_it_is_told_and_nothing_else_of_it(hall: Hall) -> None:
    await hall.had("badung", hours=1)
    assert await hall.shows("badung") == [{"tenant": "badung", "hour": "2026-11-24T01:00:00Z", "tickets": 1}]


async def test_who_has_no_hours_sees_none(hall: Hall) -> None:
    await hall.had("badung", hours=2)
    assert await hall.shows("raja-ampat") == []


def test_an_index_stands_behind_the_page() -> None:
    assert ("hours", (("tenant", 1), ("hour", -1))) in [(one.collection, one.keys) for one in service.indexes]
