"""A hundred thousand timers, of which thousands fail and thousands are nobody's: a look at them costs what is due."""

import uuid
from datetime import timedelta
from typing import Any

from messaging_builders import NOON

from gerai.messaging.mongo.driver import Driver, connect
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.messaging.timers import BATCH, FAILED_SHARE

AT_ONCE = 10_000


def rows(count: int, name: str, **fields: Any) -> list[dict[str, Any]]:
    """As the version before wrote them, unless `fields` say more."""
    made = {"name": name, "key": "k", "tenant": "muna-barat", "payload": {}, "version": 1, "due": NOON}
    return [{**made, "_id": f"{uuid.uuid4()}", **fields} for _ in range(count)]


async def test_a_look_reads_what_it_brings_and_little_else(mongodb_uri: str, driver: Driver) -> None:
    database = connect(mongodb_uri, f"timers_{uuid.uuid4().hex[:8]}", driver=driver)
    await MongoStorage(database).prepare()
    early = NOON - timedelta(hours=1)
    every = [
        *rows(80_000, "ring", due=NOON + timedelta(days=1)),
        *rows(5_000, "ring", due=early, attempts=3, next_try=NOON + timedelta(minutes=1)),
        *rows(5_000, "ring", due=early, attempts=3, next_try=NOON - timedelta(minutes=1)),
        *rows(5_000, "nobody", due=early),
        *rows(2_500, "ring"),
        *rows(2_500, "knock"),
    ]
    for first in range(0, len(every), AT_ONCE):
        await database["timers"].insert_many(every[first : first + AT_ONCE], ordered=False)
    timers = MongoDueTimers(database)
    await database.command("profile", 2)
    found = await timers.due({"ring", "knock"}, NOON, BATCH, now=NOON)
    assert await timers.others_due({"ring", "knock"}, NOON) == {"nobody"}
    await database.command("profile", 0)
    assert len(found) == BATCH
    assert sum(one.attempts > 0 for one in found) == FAILED_SHARE
    asked = await database["system.profile"].find({"ns": f"{database.name}.timers"}).to_list(None)
    assert len(asked) >= 4
    for one in asked:
        assert one.get("docsExamined", 0) <= BATCH + 2, one["command"]
        assert one["keysExamined"] <= 2 * BATCH + 10, one["command"]
        assert not one.get("hasSortStage"), one["command"]
    await database.drop()
    await database.close()
