"""Overdue is who has waited longer than the service's limit: the limit as it is now."""

from collections.abc import AsyncIterator

import pytest
from queue_builders import MORNING, Hall, catalogue, minutes, seconds

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.register.testing import service

LONGER_THAN_A_FRONT = 20


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    storage = MemoryStorage()
    async with GroupCommit(storage, source="/gerai/queue") as commit:
        hall = Hall(storage, commit, catalogue(service(wait_limit_minutes=None)))
        await hall.opens("loket-1")
        yield hall


async def come(hall: Hall, service_id: str = "nib") -> list[str]:
    """More people than a call reads; their ids."""
    tickets = [
        await hall.issues(service_id, at=MORNING + seconds(number)) for number in range(LONGER_THAN_A_FRONT)
    ]
    return [one.id for one in tickets]


async def test_a_limit_that_comes_during_the_day_holds_for_all_who_wait(hall: Hall):
    waiting = await come(hall)
    await hall.issues("nib", at=MORNING + minutes(5), priority=True)
    hall.catalogue = catalogue(service(wait_limit_minutes=10))
    first = await hall.calls(at=MORNING + minutes(12))
    assert first.id == waiting[0], "overdue goes before priority"


async def test_a_limit_that_is_lifted_makes_nobody_overdue(hall: Hall):
    hall.catalogue = catalogue(service(wait_limit_minutes=10))
    await come(hall)
    privileged = await hall.issues("nib", at=MORNING + minutes(5), priority=True)
    hall.catalogue = catalogue(service(wait_limit_minutes=None))
    assert (await hall.calls(at=MORNING + minutes(30))).id == privileged.id


async def test_two_services_whose_limits_become_equal_stand_in_one_order(hall: Hall):
    hurried = service("izin", prefix="B", wait_limit_minutes=10)
    hall.catalogue = catalogue(service(wait_limit_minutes=None), hurried)
    patient = await come(hall)
    await hall.issues("izin", at=MORNING + minutes(1))
    hall.catalogue = catalogue(service(wait_limit_minutes=10), hurried)
    assert (await hall.calls(at=MORNING + minutes(30))).id == patient[0]


async def test_who_is_overdue_is_found_behind_many_who_have_no_limit(hall: Hall):
    hall.catalogue = catalogue(
        service(wait_limit_minutes=None), service("izin", prefix="B", wait_limit_minutes=10)
    )
    await come(hall)
    hurried = await hall.issues("izin", at=MORNING + minutes(1))
    assert (await hall.calls(at=MORNING + minutes(11))).id == hurried.id
