"""How a service lives. `Service` declares one, `run` starts it; the rest is what its parts use."""

from gerai.chassis.auth import Caller
from gerai.chassis.commands import CommandsOf, IfMatch, QueriesOf
from gerai.chassis.pages import Cursor, Page, PageSize, cursor_after, id_before
from gerai.chassis.routes import CallerOf, Permission, Routes, Secret
from gerai.chassis.service import run
from gerai.chassis.service_context import Background, Components, Service, ServiceContext
from gerai.chassis.settings import Role, Settings

__all__ = [
    "Background",
    "Caller",
    "CallerOf",
    "CommandsOf",
    "Components",
    "Cursor",
    "IfMatch",
    "Page",
    "PageSize",
    "Permission",
    "QueriesOf",
    "Role",
    "Routes",
    "Secret",
    "Service",
    "ServiceContext",
    "Settings",
    "cursor_after",
    "id_before",
    "run",
]
