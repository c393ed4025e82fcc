"""The yardstick: a bare loop of the same driver that commits two inserts in a majority transaction."""

import asyncio
import time
import uuid
from inspect import isawaitable
from typing import Any

from bench.http_load import Load
from gerai.messaging.mongo.driver import DURABLE, SNAPSHOT, Database, Session

PAD = "x" * 200


async def bare_loop(database: Database, *, tasks: int, seconds: float) -> Load:
    """Transactions per second and their latencies with `tasks` side by side."""
    load, client = Load(), database["bare_a"].database.client
    ends = time.perf_counter() + seconds

    async def transaction() -> None:
        one, two = _document(), _document()

        async def write(session: Session) -> None:
            await database["bare_a"].insert_one(one, session=session)
            await database["bare_b"].insert_one(two, session=session)

        started = client.start_session()
        async with await started if isawaitable(started) else started as session:
            await session.with_transaction(write, read_concern=SNAPSHOT, write_concern=DURABLE)

    async def loop() -> None:
        while (begun := time.perf_counter()) < ends:
            await transaction()
            load.saw(201, b"", time.perf_counter() - begun)

    await transaction()
    load.latencies.clear()
    begun = time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(tasks)))
    load.seconds = time.perf_counter() - begun
    return load


def _document() -> dict[str, Any]:
    return {"_id": uuid.uuid4().hex, "value": 1, "pad": PAD}
