"""The one module that knows which MongoDB driver is in use.

Motor is the default; its makers ended it in favour of PyMongo's own asyncio API, whose calls are nearly the
same. The differences (`connect`, sessions, `aggregate`, `watch`, `close`) are all here, so that one setting
switches the driver.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from inspect import isawaitable
from typing import Any, NamedTuple, TypeAlias, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

T = TypeVar("T")
Document: TypeAlias = dict[str, Any]
Session: TypeAlias = Any
Collection: TypeAlias = Any
"""Motor's or PyMongo's collection: find, insert, update and delete are called alike."""
Talk: TypeAlias = Generator[Document, Document, None]
"""A transaction, command by command: each that is yielded comes back as the server's answer, write errors in it; any
other error is raised where the command was yielded. So it is written once and knows no driver."""

DURABLE = WriteConcern(w="majority", j=True)
MAJORITY = ReadConcern("majority")
SNAPSHOT = ReadConcern("snapshot")
STREAM_WAITS_MS = 1_000
LONGEST_COMMIT = timedelta(seconds=120 + 60 + 30)
"""From the making of a transaction's documents until others see them, at most: the driver begins anew for 120 s, the
server lets a transaction live for 60 s, and the answer to the last try may be waited for. Who looks back by a time that
a document bears looks back so long."""
POOL = 40
"""Connections of a process to one server, and threads that use them."""
_TRANSACTION: dict[str, Any] = {
    "read_concern": SNAPSHOT,
    "write_concern": DURABLE,
    "read_preference": ReadPreference.PRIMARY,
}


class Driver(StrEnum):
    MOTOR = "motor"
    PYMONGO = "pymongo"


class Changes(NamedTuple):
    """A batch of a change stream, and the place behind it."""

    documents: list[Document]
    place: Document | None


class Database:
    """One service's database. Reads see majority-committed data, writes are majority and journaled."""

    def __init__(self, client: Any, name: str, *, threads: int = POOL) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="mongodb")
        self._database = client.get_database(name, read_concern=MAJORITY, write_concern=DURABLE)
        self.name = name

    def __getitem__(self, collection: str) -> Collection:
        return self._database[collection]

    async def command(self, name: str, value: Any = 1, **arguments: Any) -> Document:
        """As the server knows it; times come back aware, as everywhere."""
        found: Document = await self._database.command(
            name, value, codec_options=self._database.codec_options, **arguments
        )
        return found

    async def ping(self) -> None:
        """Raises the driver's error when no primary answers."""
        await self._client.admin.command("ping")

    async def transaction(self, begin: Callable[[], Talk]) -> None:
        """A majority transaction; it may be begun again, so the talk has no other side effect. What the talk raises
        undoes it and comes out here."""
        if isinstance(self._client, AsyncIOMotorClient):
            await self._in_thread(lambda: self._transaction_in_thread(begin))
            return

        async def write(session: Session) -> None:
            talk = begin()
            command = next(talk, None)
            while command is not None:
                try:
                    answer = await self._database.command(command, session=session)
                except PyMongoError as error:
                    command = _refused(talk, error)
                else:
                    command = _answered(talk, answer)

        async with self._client.start_session(causal_consistency=False) as session:
            await session.with_transaction(write, **_TRANSACTION)

    def _transaction_in_thread(self, begin: Callable[[], Talk]) -> None:
        database = self._database.delegate

        def write(session: Session) -> None:
            talk = begin()
            command = next(talk, None)
            while command is not None:
                try:
                    answer = database.command(command, session=session)
                except PyMongoError as error:
                    command = _refused(talk, error)
                else:
                    command = _answered(talk, answer)

        with self._client.delegate.start_session(causal_consistency=False) as session:
            session.with_transaction(write, **_TRANSACTION)

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Every document of a (bounded) pipeline."""
        if isinstance(self._client, AsyncIOMotorClient):
            return await self._in_thread(
                lambda: list(self._database.delegate[collection].aggregate(list(pipeline)))
            )
        cursor = await self._database[collection].aggregate(list(pipeline))
        found: list[Document] = await cursor.to_list(None)
        return found

    async def find(self, collection: str, where: Mapping[str, Any]) -> list[Document]:
        """Every document that matches; for where there are few."""
        if isinstance(self._client, AsyncIOMotorClient):
            return await self._in_thread(lambda: list(self._database.delegate[collection].find(where)))
        found: list[Document] = await self._database[collection].find(where).to_list(None)
        return found

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Motor goes to another thread and back for each command; what takes several needs to go only once."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @asynccontextmanager
    async def watch(
        self,
        collection: str,
        pipeline: Sequence[Mapping[str, Any]],
        *,
        pace_s: float,
        after: Document | None = None,
    ) -> AsyncIterator[AsyncIterator["Changes"]]:
        """The collection's change stream, open when this is entered: changes as they come, in batches. An empty one
        says that nothing came for a while.

        Never more than one batch in `pace_s` seconds. A driver's own stream hands changes out one by one; with Motor
        each is a way to another thread and back, and each is asked of the server alone while little happens.
        `after`: the place of the last batch that was taken; everything that was committed since comes again, whatever
        time it bears. Raises the driver's error when the stream breaks, open a new one then; OperationFailure at the
        opening where the server does not know the place any more.
        """
        stages = [{"$changeStream": {"startAfter": after} if after is not None else {}}, *pipeline]
        reading = {"level": "majority"}
        started = self._client.start_session(causal_consistency=False)
        session = await started if isawaitable(started) else started
        try:
            opened = await self.command(
                "aggregate", collection, pipeline=stages, cursor={}, readConcern=reading, session=session
            )
            cursor: Document = opened["cursor"]
            yield self._batches(collection, cursor, session, pace_s)
            await self.command("killCursors", collection, cursors=[cursor["id"]], session=session)
        finally:
            await session.end_session()

    async def _batches(
        self, collection: str, cursor: Document, session: Session, pace_s: float
    ) -> AsyncIterator["Changes"]:
        batch, place = cursor["firstBatch"], cursor.get("postBatchResumeToken")
        while True:
            yield Changes(batch, place)
            if batch:
                await asyncio.sleep(pace_s)
            more = await self.command(
                "getMore", cursor["id"], collection=collection, maxTimeMS=STREAM_WAITS_MS, session=session
            )
            batch, place = more["cursor"]["nextBatch"], more["cursor"].get("postBatchResumeToken")

    async def drop(self) -> None:
        """Delete the whole database; for tests."""
        await self._client.drop_database(self.name)

    async def close(self) -> None:
        closed = self._client.close()
        if isawaitable(closed):
            await closed
        self._threads.shutdown(wait=False)


def _answered(talk: Talk, answer: Document) -> Document | None:
    """The next command; None at the end."""
    try:
        return talk.send(answer)
    except StopIteration:
        return None


def _refused(talk: Talk, error: PyMongoError) -> Document | None:
    """The next command, if the talk can go on after such an error."""
    try:
        return talk.throw(error)
    except StopIteration:
        return None


def connect(
    uri: str, database: str, *, driver: Driver = Driver.MOTOR, pool: int = POOL, timeout_ms: int = 10_000
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
            return Database(AsyncIOMotorClient(uri, **options), database, threads=pool)
        case Driver.PYMONGO:
            return Database(AsyncMongoClient(uri, **options), database, threads=pool)
