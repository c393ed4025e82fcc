"""Reading an import's body row by row, so that one bad row does not hide the others."""

from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from gerai.chassis.localized_texts import SENTENCES as HOUSE_SENTENCES
from gerai.chassis.problems import FAULTS_LIMIT, fault_of
from gerai.messaging.refusal import Fault, LocalizedText
from gerai.registry.entrypoints.sentences import SENTENCES
from gerai.registry.entrypoints.shapes import EXAMPLES, SECTIONS, Section
from gerai.registry.use_cases.import_entries import NAMED_LIMIT, ImportRows
from gerai.registry.use_cases.take_rows import Row

ROWS_PER_SECTION = 1_000
ID_LIMIT = 80
LOOKED_AT_LIMIT = 500
"""A row with more faults is named as a whole: listing them costs more than reading the row."""
LOOKED_AT_LATER = 5
"""The same, once enough faults are named."""
CHECKED_AGAINST = {"active", "site_id", "institution_id", "counter_id", "prefix"}
"""The fields of a row that matter to other rows."""
TOO_MANY = LocalizedText("Baris ini memuat {count} kesalahan.", "This row has {count} mistakes.")
KNOWN = {**HOUSE_SENTENCES, **SENTENCES}


def _shown_as(row: str) -> WithJsonSchema:
    """The documentation shows the rows' real shape, although they are read one by one."""
    items = {"$ref": f"#/components/schemas/{row}"}
    return WithJsonSchema({"type": "array", "maxItems": ROWS_PER_SECTION, "items": items})


Rows: TypeAlias = Annotated[tuple[Any, ...], Field(max_length=ROWS_PER_SECTION)]


class ImportBody(BaseModel):
    """A file of entries. Any section may be missing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLES]})

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
        row: Any = section.row.model_validate_json(orjson.dumps(raw), strict=True)
    except ValidationError as error:
        _keep_id(section, raw, _note_faults(path, error, read), read)
        return
    read.rows.append(Row(path=path, kind=section.kind, id=row.id, facts=section.stated(row)))


def _note_faults(path: str, error: ValidationError, read: ImportRows) -> set[str]:
    """The fields that are sound. Two mebibytes can hold half a million faults: the list of them is only asked for where
    it is short."""
    count = error.error_count()
    if count > (LOOKED_AT_LIMIT if read.bad.count <= NAMED_LIMIT else LOOKED_AT_LATER):
        sentence = LocalizedText(TOO_MANY.id.format(count=count), TOO_MANY.en.format(count=count))
        read.bad.add(path, Fault(path, "too_many_mistakes", sentence), standing_for=count)
        return set()
    faults = error.errors(include_url=False, include_input=False)
    for fault in faults[:FAULTS_LIMIT]:
        read.bad.add(path, fault_of({**fault, "loc": ("body", path, *fault["loc"])}, KNOWN))
    read.bad.count += max(0, count - FAULTS_LIMIT)
    return CHECKED_AGAINST - {str(fault["loc"][0]) for fault in faults if fault["loc"]}


def _keep_id(section: Section[Any], raw: Any, sound: set[str], read: ImportRows) -> None:
    """So that others may refer to the row without being blamed for it."""
    if isinstance(raw, dict) and isinstance(id := raw.get("id"), str) and len(id) <= ID_LIMIT:
        stated = {"active": True, **raw}
        read.malformed[section.kind, id] = {name: stated[name] for name in sound & stated.keys()}
