"""How a service lives: built from its declaration, by role, and stopped without losing anything."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from pydantic import ValidationError
from pymongo.errors import PyMongoError
from starlette.types import ASGIApp

from gerai.chassis import docs, logs, metrics, problems, traces
from gerai.chassis.auth import Authenticator, Keys, fetch_from
from gerai.chassis.clock import clock_of
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.house import House, Rooms, Service
from gerai.chassis.routes import require_declared
from gerai.chassis.settings import Environment, Role, Settings
from gerai.chassis.worker import Worker
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import connect
from gerai.messaging.mongo.storage import MongoStorage

log = structlog.get_logger(__name__)


class UnableToStart(Exception):
    """The process cannot begin; the message is for the person who deploys it."""


def run(service: Service) -> None:
    """A process's whole life. Exits with 2 when the settings are wrong, 1 when it could not go on."""
    try:
        settings = service.settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors()
        )
        print(f"{service.name} cannot start: {faults}", file=sys.stderr)  # noqa: T201  nothing else is set up yet
        raise SystemExit(2) from None
    logs.configure(service=service.name, level=settings.log_level)
    import uvloop

    try:
        uvloop.run(live(service, settings))
    except UnableToStart as error:
        log.error("cannot-start", why=str(error))
        raise SystemExit(1) from None


async def live(service: Service, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order: no new requests, finish what was accepted, hand over."""
    role = "+".join(sorted(settings.roles))
    provider = traces.configure(
        service=service.name, role=role, endpoint=settings.otlp_endpoint, ratio=settings.trace_ratio
    )
    async with house_of(service, settings) as (house, worker):
        rooms = service.assemble(house)
        if Role.WORKER in settings.roles:
            await worker.prepare_topics(rooms, create=settings.environment is Environment.DEVELOPMENT)
        app = application(service, house, rooms)
        server = _server(service, settings, app, house.health)
        async with _running(worker.tasks(rooms), rooms, settings, server) as failed:
            house.health.started = True
            log.info("started", role=role, port=settings.http_port)
            await server.serve()
        if failed:
            raise UnableToStart(f"background work ended: {failed[0]!r}")
    await _flush(provider)
    log.info("stopped")


@contextlib.asynccontextmanager
async def house_of(service: Service, settings: Settings) -> AsyncIterator[tuple[House, Worker]]:
    """The house of one process, and its worker's side; closed in reverse order."""
    database = connect(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, driver=settings.mongodb_driver
    )
    storage = MongoStorage(database)
    health = Health()
    health.require(database.ping)
    source = f"/gerai/{service.name}"
    worker = Worker(service, settings, database)
    try:
        await _prepared(lambda: storage.prepare(service.indexes))
        async with GroupCommit(storage, source=source, on_commit=worker.wake) as commit:
            house = House(
                source=source,
                settings=settings,
                clock=clock_of(settings),
                database=database,
                storage=storage,
                commit=commit,
                health=health,
            )
            worker.join(house)
            yield house, worker
    finally:
        await database.close()


async def _prepared(step: Callable[[], Awaitable[None]]) -> None:
    """At a common start the database may still be on its way up."""
    for attempt in range(10):
        try:
            await step()
            return
        except PyMongoError as error:
            log.warning("database-not-ready", attempt=attempt, error=type(error).__name__)
            await asyncio.sleep(min(0.2 * 2**attempt, 5.0))
    raise UnableToStart("the database did not answer")


def application(service: Service, house: House, rooms: Rooms) -> FastAPI:
    """The web application: health and metrics always, the service's routes in the API role."""
    app = FastAPI(
        title=service.title, version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    settings: Settings = house.settings
    app.state.house = house
    app.state.authenticator = Authenticator(
        Keys(fetch_from(settings.jwks_url)), issuer=settings.issuer, audience=settings.audience
    )
    app.router.routes.extend(house.health.routes())
    app.add_route("/metrics", metrics.page)
    if Role.API in settings.roles:
        for routes in rooms.routes:
            app.include_router(routes.router)
        docs.install(app)
    problems.install(app)
    require_declared(app)
    return app


def _server(service: Service, settings: Settings, app: FastAPI, health: Health) -> "Server":
    edge: ASGIApp = Edge(app, body_limits=service.body_limits)
    return Server(
        health,
        uvicorn.Config(
            edge,
            host=settings.http_host,
            port=settings.http_port,
            http="httptools",
            loop="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=int(settings.stop_seconds),
            timeout_keep_alive=75,
            limit_concurrency=2_000,
        ),
    )


class Server(uvicorn.Server):
    """uvicorn, with our own signal handling: background work must stop after the last request, not before."""

    def __init__(self, health: Health, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._health = health

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        yield

    def _ask_to_stop(self) -> None:
        self._health.stop()
        self.should_exit = True


@contextlib.asynccontextmanager
async def _running(
    tasks: dict[str, Coroutine[Any, Any, None]], rooms: Rooms, settings: Settings, server: Server
) -> AsyncIterator[list[BaseException]]:
    """Background work, for as long as the block runs. Work that ends by itself stops the process: better a
    restart that everybody sees than a part that is silently gone."""
    failed: list[BaseException] = []
    background = [one for one in rooms.background if one.roles & settings.roles]
    running = {asyncio.create_task(work, name=name) for name, work in tasks.items()}
    running |= {asyncio.create_task(_as_coroutine(one.run), name=one.name) for one in background}

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not server.should_exit:
            error = task.exception() or RuntimeError(f"{task.get_name()} ended")
            log.error("background-ended", task=task.get_name(), exc_info=error)
            failed.append(error)
            server.should_exit = True

    for task in running:
        task.add_done_callback(ended)
    try:
        for one in background:
            if one.ready is not None:
                await one.ready()
        yield failed
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=settings.stop_seconds)


async def _as_coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def _flush(provider: TracerProvider) -> None:
    await asyncio.to_thread(provider.force_flush, 3_000)
    await asyncio.to_thread(provider.shutdown)
