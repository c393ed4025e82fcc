"""Replace what is stated about an entry."""

from datetime import datetime
from typing import TypeVar

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.settle import open_register, settle_one

E = TypeVar("E", bound=Entry)


async def replace_entry(
    uow: UnitOfWork, at: datetime, kind: type[E], id: str, facts: Facts, *, version: int, rule: WarningRule
) -> E:
    """Change the version that the caller has read. Raises UnableToFind, UnableToReplace, UnableToRegister, UnableToRefer."""
    register = await open_register(uow)
    entry = await uow.get(kind, id)
    entry.expect_version(version)
    if entry.restate(facts, at=at):
        await settle_one(entry, register, uow=uow, at=at, rule=rule)
    return entry
