"""A service's context in one process, with nothing behind it that is asked unless a test says so."""

from typing import Any

from gerai.chassis.clock import BusinessClock, RealClock
from gerai.chassis.health import Health
from gerai.chassis.service_context import Components, Service, ServiceContext
from gerai.chassis.settings import Environment, Settings
from gerai.contracts.event import source_of
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.mongo.driver import Database, connect
from gerai.messaging.storage import Storage

ISSUER = "http://issuer.test"
AUDIENCE = "gerai"
NOWHERE = "mongodb://127.0.0.1:1"
"""Nobody listens there."""


def settings_of(kind: type[Settings], **stated: Any) -> Settings:
    """A service's own settings: those stated, and what is required without a default."""
    required = {
        "environment": Environment.DEVELOPMENT,
        "mongodb_uri": NOWHERE,
        "mongodb_database": "never_asked",
        "kafka_bootstrap": "127.0.0.1:1",
        "issuer": ISSUER,
        "jwks_url": f"{ISSUER}/jwks",
    }
    return kind(**{**required, **stated})


def context_of(
    service: Service,
    *,
    storage: Storage,
    commit: GroupCommit,
    clock: BusinessClock | None = None,
    database: Database | None = None,
    **settings: Any,
) -> ServiceContext:
    """A database that is not given is one that does not answer; whoever asks for the context closes it."""
    return ServiceContext(
        source=source_of(service.name),
        settings=settings_of(service.settings, **settings),
        clock=clock or RealClock(),
        database=database or connect(NOWHERE, "never_asked"),
        storage=storage,
        commit=commit,
        health=Health(),
    )


async def assembled(service: Service) -> Components:
    """What the service is put together from, to be read: its subscriptions, timers and jobs. None of it can run."""
    storage = MemoryStorage()
    commit = GroupCommit(storage, source=source_of(service.name))
    context = context_of(service, storage=storage, commit=commit)
    components = service.assemble(context)
    await context.database.close()
    return components
