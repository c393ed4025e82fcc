"""The keys that one command needs: read with its group, and made where a person's first data are written."""

from collections.abc import Iterable, Set
from typing import Protocol, TypeVar

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.personal import FORGOTTEN, Forgotten
from gerai.messaging.sealing import DataKey, WrappingKeys
from gerai.messaging.subject_keys import SubjectKey, UnableToKeepPersonalData

A = TypeVar("A", bound=Aggregate)


class Unit(Protocol):
    """What is needed of the unit of work."""

    async def prefetch(self, identities: Iterable[tuple[type[Aggregate], str]]) -> None: ...

    async def find(self, kind: type[A], id: str) -> A | None: ...

    def add(self, aggregate: Aggregate) -> None: ...


async def keys_of(
    wanted: Set[str], written: Set[str], *, uow: Unit, wrapping: WrappingKeys
) -> dict[str, DataKey | Forgotten]:
    """By row. They are read afresh, and not as a process remembers them: nothing is written under a key that was
    destroyed before. Raises UnableToKeepPersonalData where something is `written` for who was forgotten."""
    await uow.prefetch([(SubjectKey, row) for row in wanted])
    keys: dict[str, DataKey | Forgotten] = {}
    for row in sorted(wanted):
        key = await uow.find(SubjectKey, row)
        if key is None and row in written:
            key = SubjectKey.made(row, wrapping)
            uow.add(key)
        keys[row] = FORGOTTEN if key is None else key.opened(wrapping)
        if row in written and isinstance(keys[row], Forgotten):
            raise UnableToKeepPersonalData("subject_forgotten")
    return keys
