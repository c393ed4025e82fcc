"""Register a new entry."""

from datetime import datetime
from typing import TypeVar

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.fit import Neighbours
from gerai.registry.use_cases.settle import enter, open_register, settle_one

E = TypeVar("E", bound=Entry)


async def register_entry(
    uow: UnitOfWork, at: datetime, kind: type[E], id: str, facts: Facts, *, rule: WarningRule
) -> E:
    """Raises UnableToRegister, UnableToTakeId, UnableToName, UnableToRefer."""
    register = await open_register(uow)
    entry, lost = await enter(kind, id, facts, register=register, among=Neighbours(uow), at=at)
    for refusal in lost:
        raise refusal
    await settle_one(entry, register, uow=uow, at=at, rule=rule)
    return entry
