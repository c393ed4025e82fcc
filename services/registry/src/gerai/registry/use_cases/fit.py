"""Whether an entry fits with the others: its parents exist, nothing active hangs on a withdrawn one."""

from collections.abc import Iterable
from typing import Any, TypeVar

from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.calendar import Calendar, OwnerKind
from gerai.registry.domain.counter import Counter, CounterFacts
from gerai.registry.domain.desk import Desk, DeskFacts
from gerai.registry.domain.entry import Entry, Facts, UnableToRefer, UnableToRegister
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.register import Register
from gerai.registry.domain.service import Service, ServiceFacts
from gerai.registry.domain.site import Site

E = TypeVar("E", bound=Entry)

OWNERS: dict[OwnerKind, type[Entry]] = {
    OwnerKind.SITE: Site,
    OwnerKind.COUNTER: Counter,
    OwnerKind.SERVICE: Service,
}
HANGS_ON: dict[type[Entry], tuple[tuple[type[Entry], str], ...]] = {
    Site: ((Counter, "site_id"),),
    Institution: ((Counter, "institution_id"),),
    Counter: ((Service, "counter_id"), (Desk, "counter_id")),
}
"""What refers to an entry of a kind, and by which field."""
CHILDREN_READ = 200
"""More than one group of commands withdraws; see `UnitOfWork.select`."""


async def derive(kind: type[Entry], id: str, facts: Facts, *, uow: UnitOfWork) -> dict[str, Any]:
    """What a new entry takes from its parents. Raises UnableToRefer where one does not exist."""
    match facts:
        case CounterFacts():
            await _referred(Site, facts.site_id, field="site_id", uow=uow)
            await _referred(Institution, facts.institution_id, field="institution_id", uow=uow)
        case ServiceFacts():
            counter = await _referred(Counter, facts.counter_id, field="counter_id", uow=uow)
            return {"site_id": counter.site_id, "institution_id": counter.institution_id}
        case DeskFacts():
            counter = await _referred(Counter, facts.counter_id, field="counter_id", uow=uow)
            return {"site_id": counter.site_id}
    if kind is Calendar:
        owner, _, owner_id = id.partition(":")
        await _referred(OWNERS[OwnerKind(owner)], owner_id, field="id", uow=uow)
    return {}


async def check_fit(entry: Entry, *, uow: UnitOfWork) -> None:
    """Raises UnableToRefer or UnableToRegister. Run it when all changes of the command are made."""
    if isinstance(entry, Desk):
        for service_id in entry.service_ids:
            service = await _referred(Service, service_id, field="service_ids", uow=uow)
            if service.counter_id != entry.counter_id:
                raise UnableToRefer("other_counter", field="service_ids", id=service_id)
    if entry.active:
        for kind, id, field in _parents(entry):
            parent = await _referred(kind, id, field=field, uow=uow)
            if not parent.active:
                raise UnableToRegister("parent_withdrawn", field=field, what=parent.word, id=id)
        return
    for kind, field in HANGS_ON.get(type(entry), ()):
        where = {"tenant": entry.tenant, field: entry.id, "active": True}
        if hanging := await uow.select(Selection(kind=kind, where=where, limit=CHILDREN_READ)):
            raise UnableToRegister("still_in_use", field="active", what=kind.word, id=hanging[0].id)


def settle_prefixes(
    services: Iterable[Service], register: Register
) -> list[tuple[Service, UnableToRegister]]:
    """Give changed services their prefixes; answers who could not have theirs.

    All are released first, so that two services of one import can swap.
    """
    changed = list(services)
    register.release_prefixes({service.id for service in changed})
    refused: list[tuple[Service, UnableToRegister]] = []
    for service in changed:
        if not service.active:
            continue
        try:
            register.give_prefix(service.prefix, site_id=service.site_id, service_id=service.id)
        except UnableToRegister as refusal:
            refused.append((service, refusal))
    return refused


def _parents(entry: Entry) -> tuple[tuple[type[Entry], str, str], ...]:
    match entry:
        case Counter():
            return (Site, entry.site_id, "site_id"), (Institution, entry.institution_id, "institution_id")
        case Desk() | Service():
            return ((Counter, entry.counter_id, "counter_id"),)
        case Calendar():
            return ((OWNERS[entry.owner_kind], entry.owner_id, "id"),)
        case _:
            return ()


async def _referred(kind: type[E], id: str, *, field: str, uow: UnitOfWork) -> E:
    found = await uow.find(kind, id)
    if found is None:
        raise UnableToRefer("unknown_reference", field=field, what=kind.word, id=id)
    return found
