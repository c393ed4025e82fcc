"""Replace what is stated about an entry, or withdraw it: then it is kept, and no longer used."""

from datetime import datetime
from typing import TypeVar

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.take_rows import Row, open_register, take_row

E = TypeVar("E", bound=Entry)


async def replace_entry(
    uow: UnitOfWork, at: datetime, kind: type[E], id: str, facts: Facts, *, version: int, rule: WarningRule
) -> E:
    """Change the version that the caller has read. Raises UnableToFind, UnableToReplace, UnableToRegister, UnableToRefer."""
    entry = await _read_by_caller(uow, kind, id, version)
    await take_row(Row(kind=kind, id=id, facts=facts), uow=uow, at=at, rule=rule)
    return entry


async def withdraw_entry(
    uow: UnitOfWork, at: datetime, kind: type[E], id: str, *, version: int, rule: WarningRule
) -> E:
    """Raises UnableToFind, UnableToReplace, UnableToRegister (something active still depends on it)."""
    entry = await _read_by_caller(uow, kind, id, version)
    facts = kind.facts_type.model_construct(**{**entry.facts(), "active": False})
    await take_row(Row(kind=kind, id=id, facts=facts), uow=uow, at=at, rule=rule)
    return entry


async def _read_by_caller(uow: UnitOfWork, kind: type[E], id: str, version: int) -> E:
    await open_register(uow)
    entry = await uow.get(kind, id)
    entry.expect_version(version)
    return entry
