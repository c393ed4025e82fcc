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

from gerai.messaging.refusal import Fault, LocalizedText, Refusal, RefusalKind
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.split_import import PART, Change, parts_of
from gerai.registry.use_cases.take_rows import Identity, Pause, Row, Taking, no_pause, take_rows

NAMED_LIMIT = 1_000
"""Faults that are named one by one; beyond them each bad row is still named once."""


@dataclass(kw_only=True)
class BadRows:
    """The faults of an import: every bad row is named, every fault is counted."""

    named: list[Fault] = field(default_factory=list)
    count: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    _rows: set[str] = field(default_factory=set)

    def add(self, row: str, fault: Fault, *, standing_for: int = 1) -> None:
        """A fault of a row; it may stand for more of them, which are not named."""
        self.count += standing_for
        self.codes[fault.code] += standing_for
        if row not in self._rows or len(self.named) < NAMED_LIMIT:
            self.named.append(fault)
        self._rows.add(row)

    def refuse(self, row: str, refusal: Refusal) -> None:
        path = f"{row}.{refusal.field}" if refusal.field else row
        sentence = LocalizedText(refusal.text("id"), refusal.text("en"))
        self.add(row, Fault(path, refusal.code, sentence))


@dataclass(kw_only=True)
class ImportRows:
    """An import as it was read: parents before children."""

    rows: list[Row] = field(default_factory=list)
    malformed: dict[Identity, Mapping[str, Any]] = field(default_factory=dict)
    """Rows that could not be read, but say whose they are: what they state well of that which matters to others."""
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
        self.faults = bad.named

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

    def __init__(self, refusal: Refusal, *, rows_written: int) -> None:
        super().__init__("import_unfinished", rows_written=rows_written)
        self.faults = refusal.faults

    @classmethod
    def examples(cls) -> Iterator[Self]:
        yield cls(UnableToImport(BadRows(count=1)), rows_written=25)


class ImportedEntry(BaseModel):
    """What the import does, or would do, to one entry."""

    section: str
    id: str
    change: Literal["registered", "changed"]
    fields: tuple[str, ...] = ()
    """Those that differ; empty for a new entry."""

    @classmethod
    def of(cls, change: Change) -> Self:
        did: Literal["registered", "changed"] = "changed" if change.fields else "registered"
        return cls(section=change.entry.section, id=change.entry.id, change=did, fields=change.fields)


class ImportReport(BaseModel):
    """What an import did; after a dry run, what it would do."""

    dry_run: bool
    registered: int
    changed: int
    unchanged: int
    entries: tuple[ImportedEntry, ...]

    @classmethod
    def of(cls, entries: Sequence[ImportedEntry], *, unchanged: int, dry_run: bool = False) -> Self:
        registered = sum(1 for entry in entries if entry.change == "registered")
        return cls(
            dry_run=dry_run,
            registered=registered,
            changed=len(entries) - registered,
            unchanged=unchanged,
            entries=tuple(entries),
        )


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
    taken = await _taken(read, uow=uow, at=at, rule=rule, pause=pause)
    return Rehearsal(report=_report(taken, dry_run=True), parts=parts_of(taken.changes, size=part))


async def import_part(
    read: ImportRows, numbers: Sequence[int], *, uow: UnitOfWork, at: datetime, rule: WarningRule
) -> ImportReport:
    """Some rows of an import that was rehearsed, checked once more. Raises UnableToImport."""
    part = ImportRows(rows=[read.rows[number] for number in numbers])
    return await import_entries(part, uow=uow, at=at, rule=rule)


async def _taken(
    read: ImportRows, *, uow: UnitOfWork, at: datetime, rule: WarningRule, pause: Pause
) -> Taking:
    taken = await take_rows(read.rows, beside=read.malformed, uow=uow, at=at, rule=rule, pause=pause)
    bad = deepcopy(read.bad)  # the command may run again, and must not find its own faults there
    for number, refusal in taken.refused:
        bad.refuse(read.rows[number].path, refusal)
    if bad.count:
        raise UnableToImport(bad)
    return taken


def _report(taken: Taking, *, dry_run: bool) -> ImportReport:
    entries = [ImportedEntry.of(change) for change in taken.changes]
    return ImportReport.of(entries, unchanged=taken.unchanged, dry_run=dry_run)
