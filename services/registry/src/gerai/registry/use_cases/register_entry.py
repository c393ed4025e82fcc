"""Register a new entry."""

from datetime import datetime
from typing import TypeVar

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts, UnableToTakeId
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.take_rows import Row, open_register, take_row

E = TypeVar("E", bound=Entry)


async def register_entry(
    uow: UnitOfWork, at: datetime, kind: type[E], id: str, facts: Facts, *, rule: WarningRule
) -> E:
    """Raises UnableToRegister, UnableToTakeId, UnableToName, UnableToRefer."""
    await open_register(uow)
    if await uow.find(kind, id) is not None:
        raise UnableToTakeId(id, of_another_regency=False)
    await take_row(Row(kind=kind, id=id, facts=facts), uow=uow, at=at, rule=rule)
    return await uow.get(kind, id)
