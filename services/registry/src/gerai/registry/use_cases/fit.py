"""Whether an entry fits with the others: its parents exist, nothing active hangs on a withdrawn one."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from gerai.messaging.refusal import Refusal
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.calendar import Calendar, OwnerKind
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk, DeskFacts
from gerai.registry.domain.entry import Entry, Facts, UnableToRefer, UnableToRegister
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.register import Claim, Register
from gerai.registry.domain.service import Service, ServiceFacts
from gerai.registry.domain.site import Site

Reference: TypeAlias = tuple[type[Entry], str, str]
"""(kind, id, the field that names it)"""

OWNERS: dict[OwnerKind, type[Entry]] = {
    OwnerKind.SITE: Site,
    OwnerKind.INSTITUTION: Institution,
    OwnerKind.COUNTER: Counter,
    OwnerKind.SERVICE: Service,
}
HANGS_ON: dict[type[Entry], tuple[tuple[type[Entry], str], ...]] = {
    Site: ((Counter, "site_id"),),
    Institution: ((Counter, "institution_id"),),
    Counter: ((Service, "counter_id"), (Desk, "counter_id")),
}
"""What refers to an entry of a kind, and by which field."""
CHILDREN_READ = 1_200
"""More than one import withdraws, so that one child more is always seen; see `UnitOfWork.select`."""


class Neighbours:
    """All that an entry can refer to: the register as the command leaves it, and an import's rows that were set aside.

    A row is set aside when it cannot be taken. It counts with what it states, as far as that is sound: others are
    checked against it, and are not blamed for its mistakes.
    """

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self._aside: dict[tuple[type[Entry], str], Mapping[str, Any]] = {}

    async def set_aside(self, kind: type[Entry], id: str, stated: Mapping[str, Any]) -> None:
        """`stated`: its sound fields; a missing `active` is one that nobody can tell."""
        standing = await self.uow.find(kind, id)
        fixed = {name: getattr(standing, name) for name, _ in kind.fixed} if standing is not None else {}
        self._aside[kind, id] = {**stated, **fixed}

    async def find(self, kind: type[Entry], id: str) -> Mapping[str, Any] | None:
        """The fields of an entry, or the sound ones of a row that was set aside; None: there is no such thing."""
        aside = self._aside.get((kind, id))
        if aside is not None:
            return aside
        entry = await self.uow.find(kind, id)
        return vars(entry) if entry is not None else None

    def aside(self, kind: type[Entry]) -> dict[str, Mapping[str, Any]]:
        """The rows of a kind that were set aside, by id."""
        return {id: stated for (one, id), stated in self._aside.items() if one is kind}

    async def first_on(self, entry: Entry, kind: type[Entry], field: str) -> Entry | None:
        """An active entry of a kind that refers to this one, if there is any."""
        aside = self.aside(kind)
        for one in await self.uow.select(_active_on(entry, kind, field), first=1 + len(aside)):
            if one.id not in aside or aside[one.id].get("active"):
                return one
        return None

    async def look_for_children(self, entries: Iterable[Entry]) -> None:
        """Ask at once what `first_on` will ask for each of those that are withdrawn."""
        questions = [
            _active_on(entry, kind, field)
            for entry in entries
            if not entry.active
            for kind, field in HANGS_ON.get(type(entry), ())
        ]
        await self.uow.prefetch(selections=questions)


def _active_on(entry: Entry, kind: type[Entry], field: str) -> Selection[Entry]:
    where = {field: entry.id, "active": True}
    return Selection(kind=kind, where=where, limit=CHILDREN_READ, tenant=entry.tenant)


async def derive(
    kind: type[Entry], id: str, facts: Facts, *, among: Neighbours
) -> tuple[dict[str, Any], list[UnableToRefer]]:
    """What a new entry takes from its parents, and each reference that leads nowhere.

    Where a parent is not known, its place is made up, so that the rest of the entry can be checked all the same.
    """
    refused = [
        UnableToRefer("unknown_reference", field=field, what=parent.word, id=parent_id)
        for parent, parent_id, field in _parents(kind, id, vars(facts))
        if await among.find(parent, parent_id) is None
    ]
    if isinstance(facts, ServiceFacts | DeskFacts):
        counter = await among.find(Counter, facts.counter_id) or {}
        place = {"site_id": _site_of(counter, facts.counter_id)}
        if isinstance(facts, ServiceFacts):
            place["institution_id"] = counter.get("institution_id", "?")
        return place, refused
    return {}, refused


async def misfits(entry: Entry, *, among: Neighbours) -> list[Refusal]:
    """What does not fit, at most one thing for each field. Run it when all changes of the command are made."""
    found: list[Refusal] = []
    if isinstance(entry, Desk):
        await among.uow.prefetch([(Service, id) for id in entry.service_ids])
        found += [refusal async for refusal in _wrong_services(entry, among)][:1]
    if entry.active:
        for kind, id, field in _parents(type(entry), entry.id, vars(entry)):
            parent = await among.find(kind, id)  # that there is none was said when the entry was made
            if parent is not None and parent.get("active") is False:
                found.append(UnableToRegister("parent_withdrawn", field=field, what=kind.word, id=id))
        return found
    for kind, field in HANGS_ON.get(type(entry), ()):
        if (hanging := await among.first_on(entry, kind, field)) is not None:
            found.append(UnableToRegister("still_in_use", field="active", what=kind.word, id=hanging.id))
            break
    return found


async def settle_prefixes(
    services: Iterable[Service], register: Register, *, among: Neighbours
) -> list[tuple[Service, UnableToRegister]]:
    """Give changed services their prefixes; answers who could not have theirs.

    All are released first, so that two services of one import can swap; those set aside as well, which claim anew
    what they state, if that is sound.
    """
    changed, aside = list(services), among.aside(Service)
    register.release_prefixes({*(service.id for service in changed), *aside})
    claims: list[Claim] = []
    for id, stated in aside.items():
        if stated.get("active") and {"prefix", "counter_id"} <= stated.keys():
            counter = await among.find(Counter, stated["counter_id"]) or {}
            claims.append((_site_of(counter, stated["counter_id"]), stated["prefix"], id))
    register.give_prefixes(claims)
    claiming = [service for service in changed if service.active]
    answers = register.give_prefixes((one.site_id, one.prefix, one.id) for one in claiming)
    return [(one, refusal) for one, refusal in zip(claiming, answers, strict=True) if refusal is not None]


def _site_of(counter: Mapping[str, Any], counter_id: str) -> str:
    """A counter that does not say its site is taken as alone in one: what is at one counter is at one site."""
    site: str = counter.get("site_id", f"?{counter_id}")
    return site


async def _wrong_services(desk: Desk, among: Neighbours) -> AsyncIterator[UnableToRefer]:
    for id in desk.service_ids:
        service = await among.find(Service, id)
        if service is None:
            yield UnableToRefer("unknown_reference", field="service_ids", what=Service.word, id=id)
        elif service.get("counter_id", desk.counter_id) != desk.counter_id:
            yield UnableToRefer("other_counter", field="service_ids", id=id)


def looked_at(kind: type[Entry], id: str, facts: Facts) -> Iterator[tuple[type[Entry], str]]:
    """All that is read to take such an entry: itself, and what it refers to."""
    yield kind, id
    for parent, parent_id, _ in _parents(kind, id, vars(facts)):
        yield parent, parent_id
    if isinstance(facts, DeskFacts):
        for service_id in facts.service_ids:
            yield Service, service_id


def _parents(kind: type[Entry], id: str, stated: Mapping[str, Any]) -> tuple[Reference, ...]:
    if kind is Counter:
        return (
            (Site, stated["site_id"], "site_id"),
            (Institution, stated["institution_id"], "institution_id"),
        )
    if kind in (Desk, Service):
        return ((Counter, stated["counter_id"], "counter_id"),)
    if kind is Calendar:
        owner, _, owner_id = id.partition(":")
        return ((OWNERS[OwnerKind(owner)], owner_id, "id"),)
    return ()
