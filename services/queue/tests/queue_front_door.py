"""The queue's front door in one process, as operators reach it (the API and its description)."""

from contextlib import AbstractAsyncContextManager

from queue_builders import MORNING

from gerai.chassis import testing
from gerai.chassis.testing import Door, SetClock
from gerai.messaging.mongo.driver import Database
from gerai.messaging.storage import Storage
from gerai.queue.bootstrap import service
from gerai.register.testing import TENANT


def front_door(
    storage: Storage, *, database: Database | None = None, clock: SetClock | None = None
) -> AbstractAsyncContextManager[Door]:
    return Door.opened(service, storage, database=database, clock=clock or SetClock(MORNING))


class Client(testing.Client):
    """A caller with a token, or without where the role is None."""

    def __init__(self, door: Door, role: str | None, *, tenant: str = TENANT, language: str = "en") -> None:
        token = door.issuer.token_of(role, tenant=tenant) if role is not None else None
        super().__init__(door.operators_edge, token, language=language)
