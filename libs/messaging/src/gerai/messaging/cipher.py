"""What the mapping asks of keys: to seal and to open a value. How that is done is the business of `sealing`."""

from typing import Any, NamedTuple, Protocol


class Place(NamedTuple):
    """Where a sealed value belongs."""

    tenant: str
    collection: str
    id: str
    field: str


class Unopenable(Exception):
    """Something sealed does not open: it was changed, moved, or sealed with a key that is not here. Says where."""


class KeysNotHere(Exception):
    """A class with encrypted fields is written or read where there are no keys for it: a fault of ours."""


class Cipher(Protocol):
    """With the keys that are at hand for one read or write. All raise KeysNotHere where one is not."""

    def seal(self, subject: str, place: Place, value: object) -> bytes:
        """`value`: as it would stand in a document."""
        ...

    def open(self, subject: str, place: Place, sealed: bytes) -> Any:
        """As it would stand in a document, or FORGOTTEN. Raises Unopenable."""
        ...

    def hash(self, text: str, tenant: str, purpose: str) -> str:
        """The same for equal texts of a regency and purpose, and for nobody to tell without the key."""
        ...


class NoKeys:
    """For what has no encrypted fields."""

    def seal(self, subject: str, place: Place, value: object) -> bytes:
        raise KeysNotHere(f"{place.collection}.{place.field} is written without its key")

    def open(self, subject: str, place: Place, sealed: bytes) -> Any:
        raise KeysNotHere(f"{place.collection}.{place.field} is read without its key")

    def hash(self, text: str, tenant: str, purpose: str) -> str:
        raise KeysNotHere(f"{purpose} is searched without its key")


NO_KEYS = NoKeys()


def key_row_id(tenant: str, subject: str) -> str:
    """A subject's row in `subject_keys`. Without a subject: the regency's own, from which hashes are keyed."""
    return f"{tenant}:{subject}"
