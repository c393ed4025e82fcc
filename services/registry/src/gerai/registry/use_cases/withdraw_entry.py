"""Withdraw an entry: it is kept, and no longer used."""

from datetime import datetime
from typing import TypeVar

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.settle import open_register, settle_one

E = TypeVar("E", bound=Entry)


async def withdraw_entry(
    uow: UnitOfWork, at: datetime, kind: type[E], id: str, *, version: int, rule: WarningRule
) -> E:
    """Raises UnableToFind, UnableToReplace, UnableToRegister (something active still depends on it)."""
    register = await open_register(uow)
    entry = await uow.get(kind, id)
    entry.expect_version(version)
    if entry.withdraw(at=at):
        await settle_one(entry, register, uow=uow, at=at, rule=rule)
    return entry
