"""How a service lives: built from its declaration, by role, and stopped without losing anything."""

import asyncio
import contextlib
import ctypes
import gc
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from socket import socket

import structlog
from opentelemetry.sdk.trace import TracerProvider
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from gerai.chassis import logs, traces
from gerai.chassis.clock import clock_of
from gerai.chassis.earlier_answers import move_earlier_answers
from gerai.chassis.health import Health
from gerai.chassis.server import application, listeners_of, listening, operators
from gerai.chassis.service_context import Background, Components, Service, ServiceContext
from gerai.chassis.settings import Environment, MissingSetting, Role, Settings, UnreadableFile
from gerai.chassis.work import Deadline, Work
from gerai.chassis.worker import Worker
from gerai.chassis.wrapping_keys import MountedKeys, UnusableKeys
from gerai.messaging.aggregate import every_kind
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import connect
from gerai.messaging.mongo.storage import MongoStorage

__all__ = ["UnableToStart", "application", "live", "operators", "run", "running_context"]

log = structlog.get_logger(__name__)

DATABASE_TRIES = 10
FLUSH_S = 5.0
M_ARENA_MAX = -8
ARENAS = 2
COLLECT_AFTER = 10_000
"""New objects. A group of commands makes thousands that live until it is committed; Python's 700 is for scripts."""


class UnableToStart(Exception):
    """The process cannot begin or go on; the message is for the person who deploys it."""


def run(service: Service) -> None:
    """A process's whole life. Exits with 2 when the settings are wrong, 1 when it could not go on."""
    try:
        settings = service.settings()
    except (ValidationError, UnreadableFile) as error:
        print(f"{service.name} cannot start: {_faults(error)}", file=sys.stderr)  # noqa: T201  no log is set up yet
        raise SystemExit(2) from None
    logs.configure(service=service.name, level=settings.log_level)
    import uvloop

    _share_arenas()
    try:
        uvloop.run(live(service, settings))
    except MissingSetting as error:
        print(f"{service.name} cannot start: {error}", file=sys.stderr)  # noqa: T201  as above
        raise SystemExit(2) from None
    except UnableToStart as error:
        log.error("cannot-go-on", why=str(error))
        raise SystemExit(1) from None


def _share_arenas() -> None:
    """By default glibc gives each of the driver's threads a part of the memory of its own, and keeps in each what was
    once used there."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and no arenas either
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def _faults(error: ValidationError | UnreadableFile) -> str:
    if isinstance(error, UnreadableFile):
        return str(error)
    return "; ".join(
        f"GERAI_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" if one["loc"] else one["msg"]
        for one in error.errors(include_input=False)
    )


async def live(service: Service, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order: no new requests, finish what was accepted, hand over.

    Health is answered from the first moment; everything else once the process has started.
    """
    with (
        _taken(settings.http_host, settings.http_port) as public,
        _taken(settings.operator_host, settings.operators_on) as private,
    ):
        provider = traces.configure(
            service=service.name,
            role="+".join(sorted(settings.roles)),
            endpoint=settings.otlp_endpoint,
            ratio=settings.trace_ratio,
        )
        deadline = Deadline(settings.stop_seconds)
        async with running_context(service, settings, deadline) as (service_context, worker):
            components = service.assemble(service_context)
            app = application(service, service_context, components)
            listeners = listeners_of(service, app, service_context.health, finish_s=settings.stop_seconds / 2)
            service_context.health.at_stop(deadline.begin)
            work = Work(service_context.health, on_failure=listeners.ask_to_stop)
            if Role.API in settings.roles:
                keys = app.state.authenticator.keys
                work.start(Background(name="issuer-keys", run=keys.run, progress=keys.progress))
            work.start_up(lambda: _begin(service, service_context, components, worker, work))
            try:
                await listeners.serve(public, private)
            finally:
                await work.stop(deadline)
        await _flush(provider)
    if isinstance(work.failure, UnableToStart):
        raise work.failure
    if work.failure is not None:
        raise UnableToStart(f"a part of it ended: {work.failure!r}")
    log.info("stopped")


def _taken(host: str, port: int) -> socket:
    try:
        return listening(host, port)
    except OSError as error:
        raise UnableToStart(f"cannot listen on {host}:{port}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def running_context(
    service: Service, settings: Settings, deadline: Deadline
) -> AsyncIterator[tuple[ServiceContext, Worker]]:
    """What one process gives its service, and its worker's side; closed in reverse order. Nothing is asked of the
    database yet."""
    database = connect(
        settings.mongodb_uri.get_secret_value(), settings.mongodb_database, driver=settings.mongodb_driver
    )
    keys = keys_of(service, settings)
    storage = MongoStorage(database, service.indexes, keys=keys)
    health = Health()
    health.require(database.ping)
    source = f"/gerai/{service.name}"
    worker = Worker(service, settings, database)
    if Role.API not in settings.roles:
        health.require(worker.topics_ready)
    commit = GroupCommit(storage, source=source, on_commit=worker.wake)
    await commit.__aenter__()
    try:
        service_context = ServiceContext(
            source=source,
            settings=settings,
            clock=clock_of(settings),
            database=database,
            storage=storage,
            keys=keys,
            commit=commit,
            health=health,
        )
        with health.watching(commit.progress):
            yield service_context, worker
    finally:
        await _drained(commit, deadline)
        await database.close()


def keys_of(service: Service, settings: Settings) -> MountedKeys | None:
    """None where a service has no mounted keys. Raises UnableToStart where it keeps personal data and has none, or where
    they cannot be used. What other services keep, whose classes a test has imported beside, does not matter."""
    if settings.encryption_keys is None:
        own = (f"gerai.{service.name}.", "gerai.messaging.", "gerai.register.")
        personal = sorted(
            kind.__name__
            for kind in every_kind()
            if kind.mapper.is_personal and kind.__module__.startswith(own)
        )
        if personal:
            raise UnableToStart(f"{', '.join(personal)} hold personal data: set GERAI_ENCRYPTION_KEYS")
        return None
    try:
        return MountedKeys(settings.encryption_keys)
    except UnusableKeys as error:
        raise UnableToStart(str(error)) from error


async def _drained(commit: GroupCommit, deadline: Deadline) -> None:
    """Commands that were accepted are finished, unless the database keeps us waiting too long."""
    try:
        async with asyncio.timeout(deadline.left()):
            await commit.__aexit__()
    except TimeoutError:
        log.error("commands-abandoned")


async def _begin(
    service: Service, service_context: ServiceContext, components: Components, worker: Worker, work: Work
) -> None:
    """From a process that listens to one that serves. Only the worker's way to Kafka waits for Kafka: commands and
    timers need none. Timers wait for what they may look at."""
    settings: Settings = service_context.settings
    await _prepared(
        lambda: MongoStorage(service_context.database).prepare(service.indexes, keep=settings.keep)
    )
    await _prepared(lambda: move_earlier_answers(service_context.database))
    background = [one for one in components.background if one.roles & settings.roles]
    for one in background:
        work.start(one)
    for one in background:
        if one.ready is not None:
            await one.ready()
    beside = (
        *worker.timers(service_context, components),
        *worker.jobs(service_context, components),
        *worker.retention(service_context, components),
        *worker.key_care(service_context),
    )
    for one in beside:
        work.start(one)
    service_context.health.started = True
    _spare_the_collector()
    log.info("started", roles=sorted(settings.roles), port=settings.http_port)
    if Role.WORKER in settings.roles:
        await worker.prepare_topics(components, create=settings.environment is Environment.DEVELOPMENT)
        for one in worker.to_kafka(service_context, components):
            work.start(one)


def _spare_the_collector() -> None:
    """What was made until now stays for the process's whole life: looking through it again and again for garbage
    would be felt in every answer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def _prepared(step: Callable[[], Awaitable[object]]) -> None:
    """At a common start the database may still be on its way up."""
    for attempt in range(DATABASE_TRIES):
        try:
            await step()
            return
        except PyMongoError as error:
            log.warning("database-not-ready", attempt=attempt, error=repr(error)[:300])
            await asyncio.sleep(min(0.2 * 2**attempt, 5.0))
    raise UnableToStart("the database did not answer")


async def _flush(provider: TracerProvider) -> None:
    """The last spans go out, if their receiver is there; in a thread that the end of the process need not wait
    for."""
    loop = asyncio.get_running_loop()
    flushed = asyncio.Event()

    def shut_down() -> None:
        provider.shutdown()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(flushed.set)

    threading.Thread(target=shut_down, name="trace-flush", daemon=True).start()
    try:
        async with asyncio.timeout(FLUSH_S):
            await flushed.wait()
    except TimeoutError:
        log.warning("spans-abandoned")
