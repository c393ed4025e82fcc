"""Reading an import's body row by row, so that one bad row does not hide the others."""

from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from gerai.chassis.sentences import INVALID_BECAUSE
from gerai.chassis.sentences import SENTENCES as HOUSE_SENTENCES
from gerai.messaging.refusal import Sentence
from gerai.registry.entrypoints.sentences import SENTENCES
from gerai.registry.entrypoints.shapes import SECTIONS, Section
from gerai.registry.use_cases.import_entries import BadRow, ImportRows, Row

ROWS_PER_SECTION = 1_000
PATH_LIMIT = 200
HOUSE_CODES = {"extra_forbidden": "unknown_field"}


def _shown_as(row: str) -> WithJsonSchema:
    """The documentation shows the rows' real shape, although they are read one by one."""
    items = {"$ref": f"#/components/schemas/{row}"}
    return WithJsonSchema({"type": "array", "maxItems": ROWS_PER_SECTION, "items": items})


Rows: TypeAlias = Annotated[tuple[Any, ...], Field(max_length=ROWS_PER_SECTION)]


class ImportBody(BaseModel):
    """A file of entries. Any section may be missing."""

    model_config = ConfigDict(extra="forbid")

    about: Annotated[str, Field(alias="_about", max_length=4_000)] = ""
    """For those who read the file; not kept."""
    sites: Annotated[Rows, _shown_as("SiteRow")] = ()
    institutions: Annotated[Rows, _shown_as("InstitutionRow")] = ()
    counters: Annotated[Rows, _shown_as("CounterRow")] = ()
    services: Annotated[Rows, _shown_as("ServiceRow")] = ()
    desks: Annotated[Rows, _shown_as("DeskRow")] = ()
    calendars: Annotated[Rows, _shown_as("CalendarRow")] = ()


def read_rows(body: ImportBody) -> ImportRows:
    """The well-formed rows, parents before children, and what is wrong with the others."""
    read = ImportRows()
    for section in SECTIONS:
        for number, raw in enumerate(getattr(body, section.name)):
            _read_row(section, f"{section.name}.{number}", raw, read)
    return read


def _read_row(section: Section[Any], path: str, raw: Any, read: ImportRows) -> None:
    try:
        row = section.row.model_validate(raw)
    except ValidationError as error:
        read.malformed.extend(_bad_rows(path, error))
        if isinstance(raw, dict) and isinstance(id := raw.get("id"), str):
            read.malformed_ids.append((section.kind, id))
        return
    facts = section.stated(row)
    read.rows.append(Row(path=path, kind=section.kind, id=row.id, facts=facts))  # type: ignore[attr-defined]


def _bad_rows(path: str, error: ValidationError) -> Iterator[BadRow]:
    """The faults of one row, with the codes and sentences of the single routes."""
    for fault in error.errors(include_url=False, include_input=False):
        code = HOUSE_CODES.get(fault["type"], fault["type"])
        place = _shown(".".join(str(part) for part in (path, *fault["loc"])))
        if known := SENTENCES.get(code) or HOUSE_SENTENCES.get(code):
            yield BadRow(path=place, code=code, sentence=known)
            continue
        why = INVALID_BECAUSE.get(code, HOUSE_SENTENCES["invalid"])
        limits = fault.get("ctx", {})
        yield BadRow(
            path=place,
            code="invalid",
            sentence=Sentence(why.id.format_map(limits), why.en.format_map(limits)),
        )


def _shown(path: str) -> str:
    """An unknown field's name is the client's own: it goes back short, and with nothing hidden in it."""
    return "".join(one if one.isprintable() else "?" for one in path[:PATH_LIMIT])
