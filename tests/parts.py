"""Real MongoDB and Kafka for tests: `mongodb_uri` and `kafka_bootstrap`.

They come from `MONGODB_URI`/`KAFKA_BOOTSTRAP`, or else from containers where Docker answers, or else from
`deploy/local`. Who freezes or kills Kafka takes `broker`, which is always a process of our own. Each starts when the
first test asks for it and lives as long as the session.
"""

import asyncio
import os
import shutil
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pymongo import MongoClient

from gerai.messaging.mongo.driver import Driver
from local.ledger import remove_abandoned
from local.mongodb import OPEN_TRANSACTION_SECONDS
from local.places import STATE
from local.platform import Platform, running

_START_SECONDS = 300.0  # the first start of all downloads Kafka
_STOP_SECONDS = 60.0
_MONGODB_IMAGE = "mongo:7.0"
_KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.0"
T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who needs the real parts is an integration test, and so is all that lies in a folder of that name."""
    for item in items:
        needs = {"mongodb_uri", "store", "kafka_bootstrap", "broker"} & set(getattr(item, "fixturenames", ()))
        if needs or "integration" in item.path.parts:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """A MongoDB replica set that can do transactions."""
    if uri := os.environ.get("MONGODB_URI"):
        yield uri
    elif _docker_answers():
        with _mongodb_container() as uri:
            yield uri
    else:
        with _local("mongodb", lambda path: _only(path, mongodb=True)) as platform:
            yield platform.mongodb_uri


@pytest.fixture(scope="session")
def driver() -> Driver:
    """The MongoDB driver that tests run with where they do not run with both: `GERAI_MONGODB_DRIVER`, or Motor."""
    return Driver(os.environ.get("GERAI_MONGODB_DRIVER", Driver.MOTOR.value))


@dataclass(frozen=True, kw_only=True)
class Store:
    """A MongoDB that tests may freeze: it keeps its connections and answers nobody, until `thaw`."""

    uri: str
    freeze: Callable[[], None]
    thaw: Callable[[], None]


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """A MongoDB of this session's own, whatever else there is."""
    with _local("store", lambda path: _only(path, mongodb=True)) as platform:
        mongod = platform.process("mongodb")
        yield Store(
            uri=platform.mongodb_uri,
            freeze=lambda: os.killpg(mongod.pid, signal.SIGSTOP),
            thaw=lambda: os.killpg(mongod.pid, signal.SIGCONT),
        )


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A Kafka that tests may stop. `freeze`: it keeps its connections and answers nobody, until `thaw`. `kill`: its
    process is gone without a goodbye, until `start`."""

    bootstrap: str
    freeze: Callable[[], None]
    thaw: Callable[[], None]
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A broker of this session's own, whatever else there is, that doesn't create topics by itself."""
    with _local("kafka", lambda path: _with_loop(_only(path, kafka=True))) as (platform, loop):
        kafka = platform.process("kafka")
        yield Broker(
            bootstrap=platform.kafka_bootstrap,
            freeze=lambda: os.killpg(kafka.pid, signal.SIGSTOP),
            thaw=lambda: os.killpg(kafka.pid, signal.SIGCONT),
            kill=lambda: on_loop(kafka.kill(), loop),
            start=lambda: on_loop(kafka.start(), loop),
        )


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Kafka that doesn't create topics by itself. Nobody stops it."""
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP"):
        yield bootstrap
    elif _docker_answers():
        with _kafka_container() as bootstrap:
            yield bootstrap
    else:
        yield request.getfixturevalue("broker").bootstrap


async def on_loop(coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    """What a coroutine returns that has to run on the loop of another thread."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))


@asynccontextmanager
async def _with_loop(
    running: AbstractAsyncContextManager[Platform],
) -> AsyncIterator[tuple[Platform, asyncio.AbstractEventLoop]]:
    """A platform together with the loop that looks after its processes."""
    async with running as platform:
        yield platform, asyncio.get_running_loop()


def _only(path: Path, *, mongodb: bool = False, kafka: bool = False) -> AbstractAsyncContextManager[Platform]:
    return running(
        profile="test",
        data_dir=path,
        use_given=False,
        start_mongodb=mongodb,
        start_kafka=kafka,
        test_commands=True,
    )


@contextmanager
def _local(name: str, start: Callable[[Path], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Run a platform on a thread of its own: it has to look after its processes while tests use their own loop."""
    remove_abandoned(STATE / "test")
    directory = STATE / "test" / f"{os.getpid()}-{name}"
    with in_background(start(directory)) as platform:
        yield platform
    shutil.rmtree(directory)


@contextmanager
def in_background(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter an async context manager in a thread, for code that is not async or has another loop."""
    started: Future[T] = Future()
    loop = asyncio.new_event_loop()
    leave = asyncio.Event()
    ended: Future[None] = Future()

    async def hold() -> None:
        async with manager as entered:
            started.set_result(entered)
            await leave.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(hold())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            (ended if started.done() else started).set_exception(error)
        if not ended.done():
            ended.set_result(None)

    thread = threading.Thread(target=run, name="platform", daemon=True)
    thread.start()
    try:
        yield started.result(_START_SECONDS)
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(leave.set)
        thread.join(_STOP_SECONDS)
    ended.result(0)


@cache
def _docker_answers() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=5)
        client.ping()
    except DockerException:
        return False
    client.close()
    return True


@contextmanager
def _mongodb_container() -> Iterator[str]:
    from testcontainers.mongodb import MongoDbContainer

    # The ready-made container starts a single server with a login; transactions need a replica set.
    container = MongoDbContainer(_MONGODB_IMAGE)
    container.env.clear()
    container.with_command(
        "--replSet rs0 --bind_ip_all --setParameter enableTestCommands=1"
        f" --setParameter transactionLifetimeLimitSeconds={OPEN_TRANSACTION_SECONDS}"
    )
    with container:
        address = f"{container.get_container_host_ip()}:{container.get_exposed_port(27017)}"
        # The set knows itself by its inner address, so clients must not follow it: a direct connection.
        uri = f"mongodb://{address}/?directConnection=true"
        with MongoClient(uri, serverSelectionTimeoutMS=30_000) as client:
            members = [{"_id": 0, "host": "localhost:27017"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            _await_primary(client)
        yield uri


def _await_primary(client: MongoClient[dict[str, object]]) -> None:
    deadline = time.monotonic() + 30
    seen = client.admin.command("hello")
    while not seen.get("isWritablePrimary"):
        if time.monotonic() > deadline:
            raise TimeoutError("the MongoDB container has no primary after 30 seconds")
        # the server answers when something has changed, or after a second
        seen = client.admin.command("hello", topologyVersion=seen["topologyVersion"], maxAwaitTimeMS=1_000)


@contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.kafka import KafkaContainer

    container = KafkaContainer(_KAFKA_IMAGE).with_kraft()
    container.with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
    with container:
        yield container.get_bootstrap_server()
