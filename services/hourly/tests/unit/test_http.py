"""Who looks at the hours sees those of the own regency, whatever the others have."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gerai.chassis.testing import Door
from gerai.hourly.service import HourTally, service
from gerai.messaging.context import Context
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import UnitOfWork

FIRST = datetime(2026, 11, 24, 1, tzinfo=UTC)
FULL_PAGE = 24


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with Door.opened(service, MemoryStorage()) as opened:
        yield opened


async def had(door: Door, tenant: str, *, hours: int) -> None:
    """One ticket in the first hour, two in the second, and so on."""

    async def fill(uow: UnitOfWork) -> None:
        for number in range(hours):
            hour = FIRST + timedelta(hours=number)
            tally = HourTally(id=f"{tenant}:{hour:%Y-%m-%dT%H}", tenant=tenant, hour=hour)
            uow.add(tally)
            for _ in range(number + 1):
                tally.count(at=hour)

    context = Context(tenant=tenant, actor="consumer", correlation_id="c", traceparent=None)
    await door.service_context.commit.execute(fill, context=context)


async def shown(door: Door, tenant: str) -> list[dict[str, Any]]:
    answer = await door.client_of("officer", tenant=tenant).gets("/v1/hours")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_each_regency_sees_its_newest_hours_first(door: Door) -> None:
    await had(door, "badung", hours=3)
    await had(door, "muna-barat", hours=FULL_PAGE + 6)  # sorts behind the other, and fills a page by itself
    badung, muna = await shown(door, "badung"), await shown(door, "muna-barat")
    assert [hour["tickets"] for hour in badung] == [3, 2, 1]
    assert [hour["tickets"] for hour in muna] == list(range(FULL_PAGE + 6, 6, -1))
    assert {hour["tenant"] for hour in badung} == {"badung"}
    assert {hour["tenant"] for hour in muna} == {"muna-barat"}


async def test_an_hour_is_shown_as_it_is_told_and_nothing_else_of_it(door: Door) -> None:
    await had(door, "badung", hours=1)
    assert await shown(door, "badung") == [{"tenant": "badung", "hour": "2026-11-24T01:00:00Z", "tickets": 1}]


async def test_who_has_no_hours_sees_none(door: Door) -> None:
    await had(door, "badung", hours=2)
    assert await shown(door, "raja-ampat") == []


async def test_a_kiosk_may_not_look(door: Door) -> None:
    refused = await door.client_of("kiosk").gets("/v1/hours")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_an_index_stands_behind_the_page() -> None:
    assert ("hours", (("tenant", 1), ("hour", -1))) in [(one.collection, one.keys) for one in service.indexes]
