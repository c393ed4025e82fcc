"""The one way in which entries come into the register and change: one of them, or all rows of an import.

Each row is taken as it comes, parents before children; what it refers to, and what refers to it, is looked at when all
are there. A row that cannot be taken stands aside: others are checked against what it states well, and are not blamed
for its mistakes.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.calendar import Calendar
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import Entry, Facts, UnableToRefer, UnableToRegister, UnableToTakeId
from gerai.registry.domain.institution import Institution, WarningRule
from gerai.registry.domain.register import Claim, Register
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.use_cases.split_import import Change, prefix_of

T = TypeVar("T")
Identity = tuple[type[Entry], str]
Stated = Mapping[str, Any]

KINDS: tuple[type[Entry], ...] = (Site, Institution, Counter, Service, Desk, Calendar)
"""Parents before children."""
HANGS_ON = {
    parent: [(kind, field) for kind in KINDS for field, named in kind.parents.items() if named is parent]
    for parent in KINDS
}
"""What refers to an entry of a kind, and by which field."""
CHILDREN_READ = 1_200
"""More than one import withdraws, so that one child more is always seen; see `UnitOfWork.select`."""
SLICE = 20
"""Entries that are worked on between two pauses: some milliseconds."""
AGREEMENT_TIMER = "agreement-lapsing"

Pause = Callable[[], Awaitable[None]]
"""Lets others have the processor for a moment."""


class UnableToReadRow(Refusal):
    """A row that cannot be taken beside the others of its section."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "id_repeated": LocalizedText(
            "Kode {id} muncul lebih dari sekali di bagian ini.", "The id {id} appears twice in this section."
        ),
    }


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is stated about one entry, and where it stood in the request: "counters.3"."""

    kind: type[Entry]
    id: str
    facts: Facts
    path: str = ""


async def open_register(uow: UnitOfWork) -> Register:
    """The caller's register. To be loaded before any entry is read; see `Register`."""
    tenant = uow.context.tenant
    assert tenant is not None  # a registrar always has one
    return await uow.find_or_add(Register(id=tenant, tenant=tenant))


async def no_pause() -> None:
    """For a command of a few entries."""


async def take_row(row: Row, *, uow: UnitOfWork, at: datetime, rule: WarningRule) -> None:
    """`take_rows` for one. Raises its first refusal."""
    for _, refusal in (await take_rows([row], uow=uow, at=at, rule=rule)).refused:
        raise refusal


async def take_rows(
    rows: Sequence[Row],
    *,
    beside: Mapping[Identity, Stated] | None = None,
    uow: UnitOfWork,
    at: datetime,
    rule: WarningRule,
    pause: Pause = no_pause,
) -> "Taking":
    """Register or restate an entry for each row. Where any is `refused` the command must not succeed.

    `beside`: rows that could not even be read, by what they state well; a missing `active` is one that nobody can tell.
    """
    taking = Taking(await open_register(uow), dict(beside or {}), uow=uow, at=at)
    for part in _in_slices(list(enumerate(rows))):
        await pause()
        await uow.prefetch({identity for _, row in part for identity in _looked_at(row)})
        for number, row in part:
            await taking.take(number, row)
    await taking.settle(rule, pause)
    return taking


class Taking:
    """Rows on their way into the register."""

    def __init__(
        self, register: Register, aside: dict[Identity, Stated], *, uow: UnitOfWork, at: datetime
    ) -> None:
        self.changes: list[Change] = []
        self.unchanged = 0
        self.refused: list[tuple[int, Refusal]] = []
        """By the row's number."""
        self._register = register
        self._aside = aside
        self._seen = set(aside)
        self._uow = uow
        self._at = at

    async def take(self, number: int, row: Row) -> None:
        identity = row.kind, row.id
        if identity in self._seen:
            self.refused.append((number, UnableToReadRow("id_repeated", field="id", id=row.id)))
            return
        self._seen.add(identity)
        try:
            standing = await self._uow.find(row.kind, row.id)
            if standing is None:
                await self._enter(number, row)
            else:
                self._restate(number, row, standing)
        except Refusal as refusal:
            self.refused.append((number, refusal))
            self._aside[identity] = vars(row.facts)

    async def settle(self, rule: WarningRule, pause: Pause) -> None:
        """When all changes are made: prefixes, what does not fit, and warnings."""
        if not self.changes:
            return
        self._register.note_change()
        await self._give_prefixes()
        for part in _in_slices(self.changes):
            await pause()
            await self._uow.prefetch(selections=[one for change in part for one in _children(change.entry)])
            for change in part:
                self.refused += [(change.row, refusal) async for refusal in self._misfits_of(change.entry)]
                if isinstance(change.entry, Institution):
                    self._plan_warning(change.entry, rule)

    async def _enter(self, number: int, row: Row) -> None:
        """With each parent that is not there the entry is refused; the rest of it is checked as if it had a place."""
        kind, stated = row.kind, vars(row.facts)
        owner = await self._uow.owner_of(kind, row.id)
        if owner is not None:
            raise UnableToTakeId(row.id, of_another_regency=owner != self._register.tenant)
        derived: dict[str, Any] = {}
        lost: list[Refusal] = []
        for field, parent, id in kind.parents_of(row.id, stated):
            found = await self._find(parent, id)
            if found is None:
                lost.append(UnableToRefer("unknown_reference", field=field, what=parent.word, id=id))
            derived |= {name: (found or {}).get(name, f"?{id}") for name in kind.taken_from_parents()}
        facts = {name: stated[name] for name in kind.facts_type.model_fields}
        entry = kind(id=row.id, tenant=self._register.tenant, **facts, **derived)
        entry.register(at=self._at)
        self._register.note_new_entry()
        self._uow.add(entry)
        self.refused += [(number, refusal) for refusal in lost]
        self.changes.append(Change(row=number, entry=entry))

    def _restate(self, number: int, row: Row, standing: Entry) -> None:
        before, was_active, had = standing.facts(), standing.active, prefix_of(standing)
        if not standing.restate(row.facts, at=self._at):
            self.unchanged += 1
            return
        differing = tuple(name for name, value in standing.facts().items() if value != before[name])
        self.changes.append(
            Change(row=number, entry=standing, was_active=was_active, had=had, fields=differing)
        )

    async def _find(self, kind: type[Entry], id: str) -> Stated | None:
        """An entry as the command leaves it, or as a row states it that stands aside, but with the parents that it has."""
        standing = await self._uow.find(kind, id)
        stated = self._aside.get((kind, id))
        if stated is None or standing is None:
            return stated if standing is None else vars(standing)
        return {**stated, **{name: getattr(standing, name) for name in kind.parents}}

    async def _give_prefixes(self) -> None:
        """All are released first, so that two services can swap. Those that stand aside claim first what they state."""
        changed = [one for one in self.changes if isinstance(one.entry, Service)]
        aside = [id for kind, id in self._aside if kind is Service]
        self._register.release_prefixes({*(one.entry.id for one in changed), *aside})
        claims: list[Claim] = []
        for id in aside:
            stated = await self._find(Service, id) or {}
            if stated.get("active") and {"prefix", "counter_id"} <= stated.keys():
                counter_id = stated["counter_id"]
                counter = await self._find(Counter, counter_id) or {}
                # one that does not say its site is taken as alone in one
                claims.append((counter.get("site_id", f"?{counter_id}"), stated["prefix"], id))
        self._register.give_prefixes(claims)
        wanted = [(change.row, (*place, change.entry.id)) for change in changed if (place := change.wants)]
        answers = self._register.give_prefixes(claim for _, claim in wanted)
        self.refused += [
            (row, refusal) for (row, _), refusal in zip(wanted, answers, strict=True) if refusal is not None
        ]

    async def _misfits_of(self, entry: Entry) -> AsyncIterator[Refusal]:
        """At most one for each field."""
        for field, kind in entry.siblings.items():
            async for refusal in self._strangers(entry, field, kind):
                yield refusal
                break
        if entry.active:
            for field, kind, id in entry.parents_of(entry.id, vars(entry)):
                parent = await self._find(kind, id)  # that there is none was said when the entry was made
                if parent is not None and parent.get("active") is False:
                    yield UnableToRegister("parent_withdrawn", field=field, what=kind.word, id=id)
            return
        for selection in _children(entry):
            if (child := await self._first_of(selection)) is not None:
                yield UnableToRegister("still_in_use", field="active", what=child.word, id=child.id)
                return

    async def _strangers(self, entry: Entry, field: str, kind: type[Entry]) -> AsyncIterator[Refusal]:
        ids: Sequence[str] = getattr(entry, field)
        parents = {name: getattr(entry, name) for name in entry.parents}
        await self._uow.prefetch([(kind, id) for id in ids])
        for id in ids:
            found = await self._find(kind, id)
            if found is None:
                yield UnableToRefer("unknown_reference", field=field, what=kind.word, id=id)
            elif any(found.get(name, own) != own for name, own in parents.items()):
                yield UnableToRefer("other_counter", field=field, id=id)

    async def _first_of(self, selection: Selection[Entry]) -> Entry | None:
        """The first child that stays active."""
        aside = {id: stated for (kind, id), stated in self._aside.items() if kind is selection.kind}
        for child in await self._uow.select(selection, first=1 + len(aside)):
            if child.id not in aside or aside[child.id].get("active"):
                return child
        return None

    def _plan_warning(self, institution: Institution, rule: WarningRule) -> None:
        due = institution.warning_due(rule, at=self._at)
        if due is None:
            self._uow.cancel_timer(AGREEMENT_TIMER, institution.id)
        else:
            self._uow.schedule(AGREEMENT_TIMER, institution.id, due=due, tenant=institution.tenant)


def _children(entry: Entry) -> list[Selection[Entry]]:
    """The active ones that a withdrawn entry may not have."""
    return [
        Selection(
            kind=kind, where={field: entry.id, "active": True}, limit=CHILDREN_READ, tenant=entry.tenant
        )
        for kind, field in HANGS_ON[type(entry)]
        if not entry.active
    ]


def _looked_at(row: Row) -> Iterator[Identity]:
    """All that is read to take it: itself, and what it refers to."""
    yield row.kind, row.id
    stated = vars(row.facts)
    yield from ((kind, id) for _, kind, id in row.kind.parents_of(row.id, stated))
    yield from ((kind, id) for field, kind in row.kind.siblings.items() for id in stated[field])


def _in_slices(many: Sequence[T]) -> Iterator[Sequence[T]]:
    return (many[first : first + SLICE] for first in range(0, len(many), SLICE))
