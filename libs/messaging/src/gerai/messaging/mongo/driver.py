"""The one module that knows which MongoDB driver is in use.

Motor is the default; its makers ended it in favour of PyMongo's own asyncio API, whose calls are nearly the
same. The differences (`connect`, sessions, `aggregate`, `watch`, `close`) are all here, so that one setting
switches the driver.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from inspect import isawaitable
from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Document: TypeAlias = dict[str, Any]
Session: TypeAlias = Any
Collection: TypeAlias = Any
"""Motor's or PyMongo's collection: find, insert, update and delete are called alike."""

DURABLE = WriteConcern(w="majority", j=True)
MAJORITY = ReadConcern("majority")
SNAPSHOT = ReadConcern("snapshot")
STREAM_WAITS_MS = 1_000
SESSION_RESTS_S = 60.0
"""Much less than the server keeps one that nobody uses."""


class Driver(StrEnum):
    MOTOR = "motor"
    PYMONGO = "pymongo"


class Database:
    """One service's database. Reads see majority-committed data, writes are majority and journaled."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._database = client.get_database(name, read_concern=MAJORITY, write_concern=DURABLE)
        self.name = name
        self._resting: list[tuple[Session, float]] = []

    def __getitem__(self, collection: str) -> Collection:
        return self._database[collection]

    async def command(
        self, name: str, value: Any = 1, *, session: Session = None, **arguments: Any
    ) -> Document:
        """As the server knows it; write errors are in the answer, anything else is raised."""
        found: Document = await self._database.command(name, value, session=session, **arguments)
        return found

    async def ping(self) -> None:
        """Raises the driver's error when no primary answers."""
        await self._client.admin.command("ping")

    async def transaction(self, callback: Callable[[Session], Awaitable[None]]) -> None:
        """Run the callback in a majority transaction; it may run again, so it has no other side effect."""
        session = await self._session()
        try:
            await session.with_transaction(
                callback, read_concern=SNAPSHOT, write_concern=DURABLE, read_preference=ReadPreference.PRIMARY
            )
        except BaseException:
            await session.end_session()
            raise
        self._resting.append((session, time.monotonic()))

    async def _session(self) -> Session:
        """One that rests, or a new one. With Motor each beginning and end is a way to another thread and back."""
        while self._resting:
            session, since = self._resting.pop()
            if time.monotonic() - since < SESSION_RESTS_S:
                return session
            await session.end_session()
        # what one transaction read means nothing to the next one in the same session
        started = self._client.start_session(causal_consistency=False)
        return await started if isawaitable(started) else started

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Every document of a (bounded) pipeline."""
        started = self._database[collection].aggregate(list(pipeline))
        cursor = await started if isawaitable(started) else started
        found: list[Document] = await cursor.to_list(None)
        return found

    @asynccontextmanager
    async def watch(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]], *, pace_s: float
    ) -> AsyncIterator[AsyncIterator[list[Document]]]:
        """The collection's change stream, open when this is entered: changes as they come, in batches.

        Never more than one batch in `pace_s` seconds. A driver's own stream hands changes out one by one; with Motor
        each is a way to another thread and back, and each is asked of the server alone while little happens.
        Raises the driver's error when the stream breaks; open a new one then.
        """
        stages = [{"$changeStream": {}}, *pipeline]
        reading = {"level": "majority"}
        session = await self._session()
        try:
            opened = await self._database.command(
                "aggregate", collection, pipeline=stages, cursor={}, readConcern=reading, session=session
            )
            cursor: Document = opened["cursor"]
            yield self._batches(collection, cursor, session, pace_s)
            await self._database.command("killCursors", collection, cursors=[cursor["id"]], session=session)
        finally:
            await session.end_session()

    async def _batches(
        self, collection: str, cursor: Document, session: Session, pace_s: float
    ) -> AsyncIterator[list[Document]]:
        batch = cursor["firstBatch"]
        while True:
            if batch:
                yield batch
                await asyncio.sleep(pace_s)
            more = await self._database.command(
                "getMore", cursor["id"], collection=collection, maxTimeMS=STREAM_WAITS_MS, session=session
            )
            batch = more["cursor"]["nextBatch"]

    async def drop(self) -> None:
        """Delete the whole database; for tests."""
        await self._client.drop_database(self.name)

    async def close(self) -> None:
        while self._resting:
            await self._resting.pop()[0].end_session()
        closed = self._client.close()
        if isawaitable(closed):
            await closed


def connect(
    uri: str, database: str, *, driver: Driver = Driver.MOTOR, pool: int = 40, timeout_ms: int = 10_000
) -> Database:
    """Open a database. Nothing is sent yet; times in documents come back aware, in UTC."""
    options: dict[str, Any] = {
        "tz_aware": True,
        "maxPoolSize": pool,
        "serverSelectionTimeoutMS": timeout_ms,
        "connectTimeoutMS": timeout_ms,
        "waitQueueTimeoutMS": timeout_ms,
        "retryWrites": True,
        "appname": f"gerai-{database}",
    }
    match driver:
        case Driver.MOTOR:
            return Database(AsyncIOMotorClient(uri, **options), database)
        case Driver.PYMONGO:
            return Database(AsyncMongoClient(uri, **options), database)
