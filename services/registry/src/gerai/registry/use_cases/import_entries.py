"""Load many entries at once: all of them, or none where any row is bad.

A large import is rehearsed first, on a unit of work that nobody saves, and then written in parts (`split_import`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel

from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import WarningRule
from gerai.registry.domain.register import Register
from gerai.registry.use_cases.fit import Neighbours, looked_at
from gerai.registry.use_cases.settle import Pause, enter, in_slices, no_pause, open_register, settle
from gerai.registry.use_cases.split_import import PART, Change, parts_of, prefix_of

NAMED_LIMIT = 1_000
"""Faults that are named one by one; beyond them each bad row is still named once."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One well-formed row and where it stood in the request: "counters.3"."""

    path: str
    kind: type[Entry]
    id: str
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class BadRow:
    """What is wrong with a row, or with one of its fields."""

    path: str
    code: str
    sentence: LocalizedText
    """With its details already in place."""


@dataclass(kw_only=True)
class BadRows:
    """The faults of an import: every bad row is named, every fault is counted."""

    named: list[BadRow] = field(default_factory=list)
    count: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    _rows: set[str] = field(default_factory=set)

    def add(self, row: str, fault: BadRow, *, standing_for: int = 1) -> None:
        """A fault of a row; it may stand for more of them, which are not named."""
        self.count += standing_for
        self.codes[fault.code] += standing_for
        if row not in self._rows or len(self.named) < NAMED_LIMIT:
            self.named.append(fault)
        self._rows.add(row)


@dataclass(frozen=True, kw_only=True)
class MalformedRow:
    """A row that could not be read, but says whose it is."""

    kind: type[Entry]
    id: str
    sound: Mapping[str, Any]
    """What it states well of that which matters to other rows."""


@dataclass(kw_only=True)
class ImportRows:
    """An import as it was read: parents before children."""

    rows: list[Row] = field(default_factory=list)
    malformed: list[MalformedRow] = field(default_factory=list)
    bad: BadRows = field(default_factory=BadRows)
    """What is wrong with the malformed rows."""


class UnableToImport(Refusal):
    """At least one row is bad. `bad.named` names each of them, `bad.count` says how many faults there are."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "rows_refused": LocalizedText(
            "{count} kesalahan ditemukan; tidak ada data yang diubah.",
            "{count} mistakes were found; nothing was changed.",
        ),
    }

    def __init__(self, bad: BadRows) -> None:
        super().__init__("rows_refused", count=bad.count)
        self.bad = bad

    @classmethod
    def examples(cls) -> Iterator[Self]:
        yield cls(BadRows(count=2))


class UnableToFinishImport(Refusal):
    """Parts of an import are written, and one behind them does not fit any more."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "import_unfinished": LocalizedText(
            "Sebagian data sudah disimpan; lalu data lain berubah sehingga sisanya tidak sesuai lagi. Perbaiki yang disebut,"
            " lalu kirim permintaan yang sama dengan kunci yang sama.",
            "Some rows are written; then somebody changed the register, and the rest does not fit any more. Mend what is"
            " named, and send the same request again with the same key.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {"rows_written": 25}


class UnableToReadRow(Refusal):
    """A row that cannot be taken beside the others of its section."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "id_repeated": LocalizedText(
            "Kode {id} muncul lebih dari sekali di bagian ini.", "The id {id} appears twice in this section."
        ),
    }


class ImportedEntry(BaseModel):
    """What the import does, or would do, to one entry."""

    section: str
    id: str
    change: Literal["registered", "changed"]
    fields: tuple[str, ...] = ()
    """Those that differ; empty for a new entry."""


class ImportReport(BaseModel):
    """What an import did; after a dry run, what it would do."""

    dry_run: bool
    registered: int
    changed: int
    unchanged: int
    entries: tuple[ImportedEntry, ...]

    @classmethod
    def of(cls, entries: Sequence[ImportedEntry], *, unchanged: int, dry_run: bool = False) -> Self:
        registered = sum(1 for one in entries if one.change == "registered")
        return cls(
            dry_run=dry_run,
            registered=registered,
            changed=len(entries) - registered,
            unchanged=unchanged,
            entries=tuple(entries),
        )


@dataclass(kw_only=True)
class _Progress:
    register: Register
    among: Neighbours
    at: datetime
    bad: BadRows
    done: list[tuple[Row, Change, ImportedEntry]] = field(default_factory=list)
    unchanged: int = 0

    def refuse(self, row: Row, refusal: Refusal) -> None:
        path = f"{row.path}.{refusal.field}" if refusal.field else row.path
        sentence = LocalizedText(refusal.text("id"), refusal.text("en"))
        self.bad.add(row.path, BadRow(path=path, code=refusal.code, sentence=sentence))


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What an import would do, and in which parts it is written."""

    report: ImportReport
    parts: Sequence[Sequence[int]]
    """The numbers of the rows that change something."""


async def import_entries(
    read: ImportRows, *, uow: UnitOfWork, at: datetime, rule: WarningRule, pause: Pause = no_pause
) -> ImportReport:
    """Take the rows as they come, parents before children. Raises UnableToImport.

    A row whose parent is bad is checked like any other: it is not blamed for its parent, but named for its own
    mistakes.
    """
    return _report(await _taken(read, uow=uow, at=at, rule=rule, pause=pause), dry_run=False)


async def rehearse_import(
    read: ImportRows,
    *,
    uow: UnitOfWork,
    at: datetime,
    rule: WarningRule,
    pause: Pause = no_pause,
    part: int = PART,
) -> Rehearsal:
    """`import_entries`, on a unit of work that nobody saves. `part`: rows of one transaction. Raises UnableToImport."""
    progress = await _taken(read, uow=uow, at=at, rule=rule, pause=pause)
    changes = [change for _, change, _ in progress.done]
    return Rehearsal(report=_report(progress, dry_run=True), parts=parts_of(changes, size=part))


async def import_part(
    read: ImportRows, numbers: Sequence[int], *, uow: UnitOfWork, at: datetime, rule: WarningRule
) -> ImportReport:
    """Some rows of an import that was rehearsed, checked once more. Raises UnableToImport."""
    part = ImportRows(rows=[read.rows[number] for number in numbers])
    return await import_entries(part, uow=uow, at=at, rule=rule)


async def _taken(
    read: ImportRows, *, uow: UnitOfWork, at: datetime, rule: WarningRule, pause: Pause
) -> _Progress:
    register = await open_register(uow)
    # A copy: the command may run again, and must not find its own faults there.
    progress = _Progress(register=register, among=Neighbours(uow), at=at, bad=deepcopy(read.bad))
    seen: set[tuple[type[Entry], str]] = set()
    for malformed in read.malformed:
        seen.add((malformed.kind, malformed.id))
        await progress.among.set_aside(malformed.kind, malformed.id, malformed.sound)
    for rows in in_slices(list(enumerate(read.rows))):
        await pause()
        await uow.prefetch({one for _, row in rows for one in looked_at(row.kind, row.id, row.facts)})
        for number, row in rows:
            try:
                if (row.kind, row.id) in seen:
                    raise UnableToReadRow("id_repeated", field="id", id=row.id)
                seen.add((row.kind, row.id))
                await _take(number, row, progress)
            except Refusal as refusal:
                progress.refuse(row, refusal)
    by_entry = {(type(one.entry), one.entry.id): row for row, one, _ in progress.done}
    entries = [one.entry for _, one, _ in progress.done]
    misfits = await settle(entries, register, among=progress.among, at=at, rule=rule, pause=pause)
    for entry, misfit in misfits:
        progress.refuse(by_entry[type(entry), entry.id], misfit)
    if progress.bad.count:
        raise UnableToImport(progress.bad)
    return progress


async def _take(number: int, row: Row, progress: _Progress) -> None:
    try:
        standing = await progress.among.uow.find(row.kind, row.id)
        if standing is None:
            await _register(number, row, progress)
        else:
            _restate(number, row, standing, progress)
    except Refusal:
        await progress.among.set_aside(row.kind, row.id, vars(row.facts))
        raise


async def _register(number: int, row: Row, progress: _Progress) -> None:
    entry, lost = await enter(
        row.kind, row.id, row.facts, register=progress.register, among=progress.among, at=progress.at
    )
    for refusal in lost:
        progress.refuse(row, refusal)
    done = ImportedEntry(section=row.kind.section, id=row.id, change="registered")
    progress.done.append((row, Change(row=number, entry=entry, was_active=False), done))


def _restate(number: int, row: Row, standing: Entry, progress: _Progress) -> None:
    before, was_active, had = standing.facts(), standing.active, prefix_of(standing)
    if not standing.restate(row.facts, at=progress.at):
        progress.unchanged += 1
        return
    differing = tuple(name for name, value in standing.facts().items() if value != before[name])
    done = ImportedEntry(section=row.kind.section, id=row.id, change="changed", fields=differing)
    progress.done.append((row, Change(row=number, entry=standing, was_active=was_active, had=had), done))


def _report(progress: _Progress, *, dry_run: bool) -> ImportReport:
    return ImportReport.of(
        [done for _, _, done in progress.done], unchanged=progress.unchanged, dry_run=dry_run
    )
