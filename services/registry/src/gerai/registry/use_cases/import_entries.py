"""Load many entries at once: all of them, or none where any row is bad."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel

from gerai.messaging.refusal import Refusal, RefusalKind, Sentence
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.entry import Entry, Facts, UnableToRefer
from gerai.registry.domain.institution import WarningRule
from gerai.registry.use_cases.settle import enter, open_register, settle


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
    sentence: Sentence
    """With its details already in place."""


@dataclass(kw_only=True)
class ImportRows:
    """An import as it was read: parents before children."""

    rows: list[Row] = field(default_factory=list)
    malformed: list[BadRow] = field(default_factory=list)
    malformed_ids: list[tuple[type[Entry], str]] = field(default_factory=list)
    """Of rows that could not be read: that others refer to them is no second mistake."""


class UnableToImport(Refusal):
    """At least one row is bad; `bad_rows` names them all."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, Sentence]] = {
        "rows_refused": Sentence(
            "{count} kesalahan ditemukan; tidak ada data yang diubah.",
            "{count} mistakes were found; nothing was changed.",
        ),
    }

    def __init__(self, bad_rows: Sequence[BadRow]) -> None:
        super().__init__("rows_refused", count=len(bad_rows))
        self.bad_rows = tuple(bad_rows)


class UnableToReadRow(Refusal):
    """A row that cannot be taken beside the others of its section."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, Sentence]] = {
        "id_repeated": Sentence(
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


@dataclass(kw_only=True)
class _Progress:
    done: list[tuple[Row, Entry, ImportedEntry]] = field(default_factory=list)
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)
    broken: set[tuple[str, str]] = field(default_factory=set)
    """(word, id) of rows that are not taken: that others refer to them is no second mistake."""

    def refuse(self, row: Row, refusal: Refusal) -> None:
        if not self._is_consequence(refusal):
            path = f"{row.path}.{refusal.field}" if refusal.field else row.path
            sentence = Sentence(refusal.text("id"), refusal.text("en"))
            self.bad.append(BadRow(path=path, code=refusal.code, sentence=sentence))
        self.broken.add((row.kind.word, row.id))

    def _is_consequence(self, refusal: Refusal) -> bool:
        return isinstance(refusal, UnableToRefer) and (
            (refusal.details.get("what"), refusal.details["id"]) in self.broken
        )


async def import_entries(
    read: ImportRows,
    *,
    dry_run: bool,
    uow: UnitOfWork,
    at: datetime,
    rule: WarningRule,
) -> ImportReport:
    """Take the rows as they come, parents before children. Raises UnableToImport.

    For a dry run the unit of work is one that nobody saves.
    """
    register = await open_register(uow)
    progress = _Progress(
        bad=list(read.malformed), broken={(kind.word, id) for kind, id in read.malformed_ids}
    )
    seen: set[tuple[type[Entry], str]] = set()
    for row in read.rows:
        try:
            if (row.kind, row.id) in seen:
                raise UnableToReadRow("id_repeated", field="id", id=row.id)
            seen.add((row.kind, row.id))
            await _take(row, progress, uow=uow, at=at)
        except Refusal as refusal:
            progress.refuse(row, refusal)
    by_entry = {(type(entry), entry.id): row for row, entry, _ in progress.done}
    entries = [entry for _, entry, _ in progress.done]
    for entry, misfit in await settle(entries, register, uow=uow, at=at, rule=rule):
        progress.refuse(by_entry[type(entry), entry.id], misfit)
    if progress.bad:
        raise UnableToImport(progress.bad)
    return _report(progress, dry_run=dry_run)


async def _take(row: Row, progress: _Progress, *, uow: UnitOfWork, at: datetime) -> None:
    standing = await uow.find(row.kind, row.id)
    if standing is None:
        entry = await enter(row.kind, row.id, row.facts, uow=uow, at=at)
        done = ImportedEntry(section=row.kind.section, id=row.id, change="registered")
        progress.done.append((row, entry, done))
        return
    before = standing.facts()
    if not standing.restate(row.facts, at=at):
        progress.unchanged += 1
        return
    differing = tuple(name for name, value in standing.facts().items() if value != before[name])
    done = ImportedEntry(section=row.kind.section, id=row.id, change="changed", fields=differing)
    progress.done.append((row, standing, done))


def _report(progress: _Progress, *, dry_run: bool) -> ImportReport:
    entries = tuple(done for _, _, done in progress.done)
    registered = sum(1 for one in entries if one.change == "registered")
    return ImportReport(
        dry_run=dry_run,
        registered=registered,
        changed=len(entries) - registered,
        unchanged=progress.unchanged,
        entries=entries,
    )
