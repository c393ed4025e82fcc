"""How an aggregate becomes a document, and a document an aggregate: one way, for MongoDB and for its twin.

A class is prepared once, when it is defined; a field whose type has no form in a document is refused there (see
`shapes`). What is None is left out of a document.

**Schema numbers.** A class says `schema_number = 3` and how a document becomes the next one's, `upgrades = {1: …, 2: …}`:
pure functions from document to document. A document is upgraded whenever it is read, and written in its new form when
its aggregate changes. A process of an earlier version that meets it refuses it (NewerDocument), and changes nothing.

**Fields that this version does not know** survive beside the others, since a write sets only what has changed. Inside of
a nested value they would be lost, so there they are refused (UnreadableDocument).
"""

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from pydantic_core import SchemaValidator, ValidationError

from gerai.messaging.cipher import Cipher
from gerai.messaging.encrypted_fields import EncryptedFields
from gerai.messaging.shapes import Unmappable, fields_of, model_schema, writer

Document = dict[str, Any]
Upgrade = Callable[[Document], Document]
"""From a document of one schema number to that of the next. It takes the document over."""
SCHEMA = "schema"
"""Where a document keeps its schema number; one without it has number 1."""
RESERVED = {SCHEMA, "_id"}
NOTHING: frozenset[str] = frozenset()


class UnreadableDocument(Exception):
    """A document does not have the form that its class reads. Says where, and never what stands there."""


class NewerDocument(UnreadableDocument):
    """A newer version of this service has written it. Nothing is lost: that version can read it."""


class Mapper:
    """For one class of aggregates."""

    def __init__(self, kind: type[Any]) -> None:
        """Raises Unmappable."""
        self._place = kind.__name__
        fields = fields_of(kind)
        self._fields = {field.name: field for field in fields}
        self.encrypted = EncryptedFields(kind, self._fields)
        self.is_personal = bool(self.encrypted.names)
        self._write = writer([field for field in fields if field.encrypted is None], {"id": "_id"})
        # else the core would take the validator that the class has already, which calls what holds for statements
        self._reader = SchemaValidator(model_schema(kind, fields, extra="ignore"), _use_prebuilt=False)
        whole = kind.part_of or kind
        self.number: int = whole.schema_number
        self._upgrades: Mapping[int, Upgrade] = whole.upgrades
        if RESERVED & self._fields.keys():
            raise Unmappable(f"{self._place}: no field can be called {' or '.join(sorted(RESERVED))}")
        if sorted(self._upgrades) != list(range(1, self.number)):
            raise Unmappable(f"{self._place}: one upgrade from each schema number below {self.number}")

    def document(self, values: Mapping[str, Any], cipher: Cipher) -> Document:
        """Of a whole state."""
        document = self._write(values)
        if self.is_personal:
            self.encrypted.write_all(document, values, cipher)
        if self.number > 1:
            document[SCHEMA] = self.number
        return document

    def update(
        self, values: Mapping[str, Any], changed: set[str], outdated: frozenset[str] | None, cipher: Cipher
    ) -> Document:
        """What to `$set` and to `$unset` in a stored document. `outdated`: what `aggregate` said of it; then all of it is
        written, in its new form."""
        emptied: Set[str] = NOTHING
        if outdated is not None:
            written, kept = self.document(values, cipher), {"id", "_id"}
            for name in self.encrypted.left_alone(values, changed):
                kept.add(name)
                written.pop(name, None)
            del written["_id"]
            emptied = outdated.union(self._fields, self.encrypted.hashes) - written.keys() - kept
        else:
            written = self._part(values, changed)
            if len(written) < len(changed):
                emptied = changed - written.keys() - self.encrypted.names
            if self.is_personal:
                emptied = emptied | self.encrypted.update(written, values, changed, cipher)
        if emptied:
            return {"$set": written, "$unset": dict.fromkeys(emptied, "")}
        return {"$set": written}

    def _part(self, values: Mapping[str, Any], names: Iterable[str]) -> Document:
        document: Document = {}
        for name in names:
            field, value = self._fields[name], values[name]
            if field.encrypted is not None:
                continue
            if value is not None:
                encode = field.shape.encode
                document[name] = value if encode is None else encode(value)
            elif field.keeps_none:
                document[name] = None
        return document

    def aggregate(self, document: Document, cipher: Cipher) -> tuple[Any, frozenset[str] | None]:
        """A stored state; it takes the document over. The second is None, or of a document of an earlier form the
        names that are no more. Raises UnreadableDocument, NewerDocument, Unopenable."""
        outdated = None
        if (number := document.get(SCHEMA, 1)) != self.number:
            before = frozenset(document)
            document = self._upgraded(document, number)
            outdated = before.difference(document)
        if self.is_personal:
            self.encrypted.open(document, cipher)
        document["id"] = document.pop("_id", None)
        try:
            return self._reader.validate_python(document), outdated
        except ValidationError as error:
            raise UnreadableDocument(f"{self._place}: {_faults(error)}") from None

    def _upgraded(self, document: Document, number: int) -> Document:
        """From the form of a schema number to the present one."""
        if number > self.number:
            raise NewerDocument(
                f"{self._place}: a document of schema {number}; this version knows {self.number}"
            )
        for step in range(number, self.number):
            try:
                document = self._upgrades[step](document)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                place = f"{self._place}: the upgrade from {step}"
                raise UnreadableDocument(f"{place}: {type(error).__name__}") from error
        return document


def _faults(error: ValidationError) -> str:
    """Places and kinds; values may be personal."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return ", ".join(f"{'.'.join(map(str, fault['loc']))} ({fault['type']})" for fault in faults[:5])
