"""What every change of the register ends with: prefixes, fit, warnings. The use cases share it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from gerai.messaging.refusal import Refusal
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts, UnableToRefer, UnableToTakeId
from gerai.registry.domain.institution import Institution, WarningRule
from gerai.registry.domain.register import Register
from gerai.registry.domain.service import Service
from gerai.registry.use_cases.fit import Neighbours, derive, misfits, settle_prefixes

E = TypeVar("E", bound=Entry)
T = TypeVar("T")

AGREEMENT_TIMER = "agreement-lapsing"
SLICE = 20
"""Entries that are worked on between two pauses: some milliseconds."""

Pause = Callable[[], Awaitable[None]]
"""Lets others have the processor for a moment."""


async def no_pause() -> None:
    """For a command of a few entries."""


def in_slices(many: Sequence[T]) -> Iterator[Sequence[T]]:
    return (many[first : first + SLICE] for first in range(0, len(many), SLICE))


def tenant_of(uow: UnitOfWork) -> str:
    """The caller's regency; a registrar always has one."""
    assert uow.context.tenant is not None
    return uow.context.tenant


async def open_register(uow: UnitOfWork) -> Register:
    """The caller's register. To be loaded before any entry is read; see `Register`."""
    tenant = tenant_of(uow)
    return await uow.find_or_add(Register(id=tenant, tenant=tenant))


async def enter(
    kind: type[E], id: str, facts: Facts, *, register: Register, among: Neighbours, at: datetime
) -> tuple[E, list[UnableToRefer]]:
    """A new entry with what it takes from its parents, and each reference that leads nowhere; with one of them the
    command must not succeed. Raises UnableToTakeId, UnableToName, UnableToRegister where the register is full."""
    uow = among.uow
    await _require_free(kind, id, uow=uow)
    derived, lost = await derive(kind, id, facts, among=among)
    stated = {name: getattr(facts, name) for name in kind.facts_type.model_fields}
    entry = kind(id=id, tenant=tenant_of(uow), **stated, **derived)
    entry.register(at=at)
    register.note_new_entry()
    uow.add(entry)
    return entry, lost


async def _require_free(kind: type[Entry], id: str, *, uow: UnitOfWork) -> None:
    """An id is used once in the whole platform, and `find` hides other regencies' entries: look without the filter.

    Who has it, the caller's own regency or another, makes no difference to the answer nor to the way to it.
    """
    caller = uow.context
    uow.context = replace(caller, tenant=None)
    try:
        taken = await uow.find(kind, id)
    finally:
        uow.context = caller
    if taken is not None:
        raise UnableToTakeId(id, of_another_regency=taken.tenant != caller.tenant)


async def settle(
    changed: Sequence[Entry],
    register: Register,
    *,
    among: Neighbours,
    at: datetime,
    rule: WarningRule,
    pause: Pause = no_pause,
) -> list[tuple[Entry, Refusal]]:
    """Run when all changes of the command are made; answers what does not fit."""
    if not changed:
        return []
    register.note_change()
    refused: list[tuple[Entry, Refusal]] = []
    services = (one for one in changed if isinstance(one, Service))
    refused += await settle_prefixes(services, register, among=among)
    for part in in_slices(changed):
        await pause()
        await among.look_for_children(part)
        refused += await _misfits_of(part, among=among, at=at, rule=rule)
    return refused


async def _misfits_of(
    entries: Sequence[Entry], *, among: Neighbours, at: datetime, rule: WarningRule
) -> list[tuple[Entry, Refusal]]:
    refused: list[tuple[Entry, Refusal]] = []
    for entry in entries:
        refused += [(entry, refusal) for refusal in await misfits(entry, among=among)]
        if isinstance(entry, Institution):
            _plan_warning(entry, uow=among.uow, at=at, rule=rule)
    return refused


async def settle_one(
    entry: Entry, register: Register, *, uow: UnitOfWork, at: datetime, rule: WarningRule
) -> None:
    """`settle` for a command with one change. Raises what does not fit."""
    for _, refusal in await settle([entry], register, among=Neighbours(uow), at=at, rule=rule):
        raise refusal


def _plan_warning(institution: Institution, *, uow: UnitOfWork, at: datetime, rule: WarningRule) -> None:
    due = institution.warning_due(rule, at=at)
    if due is None:
        uow.cancel_timer(AGREEMENT_TIMER, institution.id)
    else:
        uow.schedule(AGREEMENT_TIMER, institution.id, due=due, tenant=institution.tenant)
