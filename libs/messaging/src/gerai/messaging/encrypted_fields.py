"""The encrypted fields of a class of aggregates: what is written in their place, and how they are opened."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from gerai.messaging.cipher import Cipher, Place, key_row_id
from gerai.messaging.personal import FORGOTTEN, EncryptedFor, Forgotten
from gerai.messaging.shapes import FieldShape, Unmappable

NOTHING_LEFT = b""
"""In place of a sealed value whose subject was forgotten, when its document is written again."""


def hash_name(field: str) -> str:
    return f"{field}_hash"


class EncryptedFields:
    """Of one class; most have none."""

    def __init__(self, kind: type[Any], fields: Mapping[str, FieldShape]) -> None:
        """Raises Unmappable."""
        self._collection: str = getattr(kind, "collection", "")
        self._fields = [field for field in fields.values() if field.encrypted is not None]
        self.names = frozenset(field.name for field in self._fields)
        self.marked = {field.name: marker for field, marker in self._marked()}
        self.searchable: dict[str, EncryptedFor] = {}
        self._decided_by = {"tenant", *(one.subject for _, one in self._marked())}
        for field, marker in self._marked():
            place = f"{kind.__name__}.{field.name}"
            subject = fields.get(marker.subject)
            if (
                subject is None
                or subject.encrypted is not None
                or subject.info.annotation not in (str, str | None)
            ):
                raise Unmappable(f"{place}: {marker.subject} is no field with the id of a person")
            if kind.warm:
                raise Unmappable(f"{place}: what a process remembers would outlive its key")
            if marker.searchable:
                if not field.shape.is_text or hash_name(field.name) in fields:
                    raise Unmappable(
                        f"{place}: only a text can be searched by a hash, in {hash_name(field.name)}"
                    )
                self.searchable[field.name] = marker

        self.hashes = frozenset(hash_name(field) for field in self.searchable)
        self.hashes_by_subject = [(one.subject, hash_name(field)) for field, one in self.searchable.items()]

    def _marked(self) -> Iterator[tuple[FieldShape, EncryptedFor]]:
        return ((field, field.encrypted) for field in self._fields if field.encrypted is not None)

    def rows(self, values: Mapping[str, Any]) -> set[str]:
        """The rows of the keys with which a state is written."""
        tenant, rows = values["tenant"], set[str]()
        for field, marker in self._marked():
            value = values[field.name]
            if value is not None and not isinstance(value, Forgotten):
                rows.add(key_row_id(tenant, _subject(values, marker)))
                if marker.searchable:
                    rows.add(key_row_id(tenant, ""))
        return rows

    def rows_to_open(self, document: Mapping[str, Any]) -> set[str]:
        """The rows of the keys that open a document."""
        return {
            key_row_id(document["tenant"], document[marker.subject])
            for field, marker in self._marked()
            if document.get(field.name) and marker.subject in document
        }

    def concerned(self, changed: Set[str]) -> list[FieldShape]:
        """Which must be sealed anew when some fields have changed: all of them where they belong to somebody else now."""
        if not self._decided_by.isdisjoint(changed):
            return self._fields
        return [field for field in self._fields if field.name in changed]

    def left_alone(self, values: Mapping[str, Any], changed: Set[str]) -> set[str]:
        """Names in a document of what was read as forgotten, and not given up by this change: it stays as it stands, since
        nobody can seal it anew, and a key that was missing by mistake may come back."""
        unread = {name for name in self.names if isinstance(values[name], Forgotten) and name not in changed}
        return unread | {hash_name(name) for name in unread}

    def write(
        self,
        document: dict[str, Any],
        values: Mapping[str, Any],
        fields: Iterable[FieldShape],
        cipher: Cipher,
    ) -> None:
        """What is None is left out, and with it its hash."""
        for field in fields:
            marker, value, encode = field.encrypted, values[field.name], field.encode
            assert marker is not None
            if value is None:
                continue
            if isinstance(value, Forgotten):
                document[field.name] = NOTHING_LEFT
                continue
            place = Place(values["tenant"], self._collection, values["id"], field.name)
            form = value if encode is None else encode(value)
            document[field.name] = cipher.seal(_subject(values, marker), place, form)
            if marker.searchable:
                document[hash_name(field.name)] = self.hash(field.name, form, values["tenant"], cipher)

    def write_all(self, document: dict[str, Any], values: Mapping[str, Any], cipher: Cipher) -> None:
        self.write(document, values, self._fields, cipher)

    def update(
        self, written: dict[str, Any], values: Mapping[str, Any], changed: Set[str], cipher: Cipher
    ) -> set[str]:
        """Adds what is set anew. The names that the document does not have any more."""
        left_alone, fields = self.left_alone(values, changed), self.concerned(changed)
        fields = [field for field in fields if field.name not in left_alone]
        self.write(written, values, fields, cipher)
        names = {field.name for field in fields}
        return (names | {hash_name(name) for name in names & self.searchable.keys()}) - written.keys()

    def hash(self, field: str, text: str, tenant: str, cipher: Cipher) -> str:
        """By which equal values of a searchable field are found."""
        marker = self.searchable[field]
        return cipher.hash(marker.normal(text), tenant, f"{self._collection}.{field}")

    def search_row(self, tenant: str) -> str:
        """The row of the key from which a regency's hashes are made."""
        return key_row_id(tenant, "")

    def require_askable(self, conditions: Mapping[str, Any]) -> None:
        """Raises ValueError where a selection asks for more than equal values of a searchable field."""
        for field in self.names.intersection(conditions):
            if field not in self.searchable:
                raise ValueError(f"{field} is encrypted and cannot be searched")
            wanted = conditions[field]
            if not isinstance(wanted, str) and not (isinstance(wanted, dict) and wanted.keys() == {"$in"}):
                raise ValueError(f"{field} is encrypted: a selection can ask for equal values alone")

    def as_hashes(self, conditions: Mapping[str, Any], tenant: str, cipher: Cipher) -> dict[str, Any]:
        """Askable conditions as they are asked of documents."""
        asked: dict[str, Any] = {}
        for field, wanted in conditions.items():
            if field not in self.names:
                asked[field] = wanted
            elif isinstance(wanted, str):
                asked[hash_name(field)] = self.hash(field, wanted, tenant, cipher)
            else:
                hashes = [self.hash(field, value, tenant, cipher) for value in wanted["$in"]]
                asked[hash_name(field)] = {"$in": hashes}
        return asked

    def open(self, document: dict[str, Any], cipher: Cipher) -> None:
        """Puts the form that a value has in a document where it stood sealed, or FORGOTTEN. Raises Unopenable."""
        for field, marker in self._marked():
            sealed = document.get(field.name)
            if sealed is None:
                continue
            if sealed == NOTHING_LEFT:
                document[field.name] = FORGOTTEN
                continue
            place = Place(document["tenant"], self._collection, document["_id"], field.name)
            document[field.name] = cipher.open(document[marker.subject], place, sealed)


def _subject(values: Mapping[str, Any], marker: EncryptedFor) -> str:
    subject = values[marker.subject]
    if not isinstance(subject, str) or not subject:
        raise ValueError(f"a personal field of nobody: {marker.subject} says no person")
    return subject
