"""Answers that the version before kept are found by this one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gerai.chassis.answers import Repeatable
from gerai.chassis.earlier_answers import STEP, move_earlier_answers
from gerai.chassis.testing import own_database
from gerai.messaging.mongo.driver import Database, Driver
from gerai.messaging.mongo.storage import MongoStorage

OWNER = "muna-barat kiosk-1"


@pytest.fixture(params=list(Driver))
async def database(mongodb_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with own_database(mongodb_uri, "answers", driver=request.param) as opened:
        yield opened


def earlier(id: str, **changed: Any) -> dict[str, Any]:
    answered = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    row = {"_id": id, "answered_at": answered, "fingerprint": "f", "body": b"the link"}
    return {**row, "headers": {"status": "201", "etag": '"1"'}, **changed}


async def test_a_request_that_is_repeated_over_the_update_gets_its_first_answer(database: Database) -> None:
    asked = Repeatable.of(OWNER, "tap-1", fingerprint="f")
    before = [earlier(f"{OWNER} tap-1"), earlier(f"{OWNER} tap-1 part 0", body=b"a part")]
    await database["outbox"].insert_many([*before, {"_id": "an event", "topic": "t", "pending": True}])
    await asyncio.gather(*(move_earlier_answers(database) for _ in range(3)))
    for request, body in ((asked, b"the link"), (asked.part(0), b"a part")):
        kept = (await MongoStorage(database).answers([request.idempotency_key]))[request.idempotency_key.key]
        assert body not in kept.body
        opened = request.open(kept)
        assert opened.body == body and asked.idempotency_key.fits(opened.fingerprint)
        assert {"status": "201", "etag": '"1"'}.items() <= opened.headers.items()
    rows = {row["_id"]: row for row in await database.find("outbox", {})}
    assert set(rows) == {asked.idempotency_key.key, asked.part(0).idempotency_key.key, "an event"}
    assert rows[asked.idempotency_key.key]["answered_at"] == before[0]["answered_at"]


async def test_one_that_was_given_again_meanwhile_stands(database: Database) -> None:
    """A process that was killed between writing the new row and deleting the old one."""
    asked = Repeatable.of(OWNER, "tap-1", fingerprint="f")
    await database["outbox"].insert_one(earlier(f"{OWNER} tap-1"))
    await database["outbox"].insert_one(earlier(asked.idempotency_key.key, body=b"stands"))
    assert await move_earlier_answers(database) == 1
    assert [row["body"] for row in await database.find("outbox", {})] == [b"stands"]


async def test_as_many_as_there_are_are_moved_once(database: Database) -> None:
    count = STEP * 2 + 1
    await database["outbox"].insert_many([earlier(f"{OWNER} tap-{number}") for number in range(count)])
    assert await move_earlier_answers(database) == count
    assert await move_earlier_answers(database) == 0
    assert await database["outbox"].count_documents({}) == count
