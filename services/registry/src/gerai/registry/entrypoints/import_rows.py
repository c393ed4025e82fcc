"""Reading an import's body row by row, so that one bad row does not hide the others."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from gerai.chassis.localized_texts import INVALID_BECAUSE
from gerai.chassis.localized_texts import SENTENCES as HOUSE_SENTENCES
from gerai.chassis.problems import FAULTS_LIMIT
from gerai.messaging.refusal import LocalizedText
from gerai.registry.entrypoints.sentences import SENTENCES
from gerai.registry.entrypoints.shapes import SECTIONS, Section
from gerai.registry.use_cases.import_entries import (
    NAMED_LIMIT,
    BadRow,
    ImportRows,
    MalformedRow,
    Row,
)

ROWS_PER_SECTION = 1_000
PATH_LIMIT = 200
ID_LIMIT = 80
LOOKED_AT_LIMIT = 500
"""A row with more faults is named as a whole: listing them costs more than reading the row."""
LOOKED_AT_LATER = 5
"""The same, once enough faults are named."""
HOUSE_CODES = {"extra_forbidden": "unknown_field"}
CHECKED_AGAINST = {"active", "site_id", "institution_id", "counter_id", "prefix"}
"""The fields of a row that matter to other rows."""
TOO_MANY = LocalizedText("Baris ini memuat {count} kesalahan.", "This row has {count} mistakes.")


def _shown_as(row: str) -> WithJsonSchema:
    """The documentation shows the rows' real shape, although they are read one by one."""
    items = {"$ref": f"#/components/schemas/{row}"}
    return WithJsonSchema({"type": "array", "maxItems": ROWS_PER_SECTION, "items": items})


Rows: TypeAlias = Annotated[tuple[Any, ...], Field(max_length=ROWS_PER_SECTION)]


class ImportBody(BaseModel):
    """A file of entries. Any section may be missing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{section.name: [section.example] for section in SECTIONS}]},
    )

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
    for _ in reading(body, read):
        pass
    return read


def reading(body: ImportBody, read: ImportRows) -> Iterator[None]:
    """`read_rows`, row by row, so that the caller can pause in between: a large file takes a second."""
    for section in SECTIONS:
        for number, raw in enumerate(getattr(body, section.name)):
            _read_row(section, f"{section.name}.{number}", raw, read)
            yield


def _read_row(section: Section[Any], path: str, raw: Any, read: ImportRows) -> None:
    try:
        row = section.row.model_validate_json(orjson.dumps(raw), strict=True)
    except ValidationError as error:
        _note_malformed(section, path, raw, error, read)
        return
    facts = section.stated(row)
    read.rows.append(Row(path=path, kind=section.kind, id=row.id, facts=facts))  # type: ignore[attr-defined]


def _note_malformed(
    section: Section[Any], path: str, raw: Any, error: ValidationError, read: ImportRows
) -> None:
    """Two mebibytes can hold half a million faults: the list of them is only asked for where it is short."""
    count = error.error_count()
    if count > (LOOKED_AT_LIMIT if read.bad.count <= NAMED_LIMIT else LOOKED_AT_LATER):
        sentence = LocalizedText(TOO_MANY.id.format(count=count), TOO_MANY.en.format(count=count))
        whole = BadRow(path=path, code="too_many_mistakes", sentence=sentence)
        read.bad.add(path, whole, standing_for=count)
        _keep_id(section, raw, set(), read)
        return
    faults = error.errors(include_url=False, include_input=False)
    for fault in islice(_bad_rows(path, faults), FAULTS_LIMIT):
        read.bad.add(path, fault)
    read.bad.count += max(0, count - FAULTS_LIMIT)
    _keep_id(section, raw, CHECKED_AGAINST - {str(fault["loc"][0]) for fault in faults if fault["loc"]}, read)


def _keep_id(section: Section[Any], raw: Any, sound: set[str], read: ImportRows) -> None:
    """So that others may refer to the row without being blamed for it."""
    if isinstance(raw, dict) and isinstance(id := raw.get("id"), str) and len(id) <= ID_LIMIT:
        stated = {"active": True, **raw}
        kept = {name: stated[name] for name in sound & stated.keys()}
        read.malformed.append(MalformedRow(kind=section.kind, id=id, sound=kept))


def _bad_rows(path: str, faults: list[ErrorDetails]) -> Iterator[BadRow]:
    """The faults of one row, with the codes and sentences of the single routes."""
    for fault in faults:
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
            sentence=LocalizedText(why.id.format_map(limits), why.en.format_map(limits)),
        )


def _shown(path: str) -> str:
    """An unknown field's name is the client's own: it goes back short, and with nothing hidden in it."""
    return "".join(one if one.isprintable() else "?" for one in path[:PATH_LIMIT])
