"""The registry's front door in one process, as operators reach it (the API and its description)."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from registry_builders import MORNING, TENANT

from gerai.chassis import testing
from gerai.chassis.testing import Door, Issuer, SetClock
from gerai.messaging.storage import Storage
from gerai.registry.bootstrap import service

ISSUER = Issuer()
"""Whom a registry in another process trusts; an application in this one has its own."""


def front_door(storage: Storage) -> AbstractAsyncContextManager[Door]:
    return Door.opened(service, storage, clock=SetClock(MORNING))


class Client(testing.Client):
    """A registrar, unless another role is named."""

    def __init__(
        self, door: Door | str, *, role: str = "registrar", tenant: str = TENANT, patience_s: float = 5.0
    ) -> None:
        """`door`: an application in this process, or the address of one in another."""
        self.tenant = tenant
        inside = isinstance(door, Door)
        issuer = door.issuer if inside else ISSUER
        asked: Any = door.operators_edge if inside else door
        super().__init__(asked, issuer.token_of(role, tenant=tenant), patience_s=patience_s)
