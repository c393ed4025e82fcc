"""What every entry of the register has in common: stated by a registrar, replaced whole, withdrawn but never deleted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.contracts.event import Event
from gerai.contracts.text import looks_personal
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind
from gerai.registry.domain.words import COUNTER


class Stated(BaseModel):
    """A part of what a registrar states. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Facts(BaseModel):
    """All that a registrar states about one entry: the body of a request, or a row of an import."""

    model_config = ConfigDict(extra="forbid")

    active: bool = True
    """False: withdrawn. The entry stays, because tickets and permits of the past refer to it."""


class UnableToRegister(Refusal):
    """What was stated does not fit what stands in the register."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "id_taken": LocalizedText(
            "Kode {id} sudah dipakai; pilih kode lain.", "The id {id} is already used; choose another."
        ),
        "parent_withdrawn": LocalizedText(
            "Data {what} {id} sudah tidak aktif.", "The {what} {id} has been withdrawn."
        ),
        "still_in_use": LocalizedText(
            "Masih ada {what} aktif ({id}) yang bergantung pada data ini.",
            "An active {what} ({id}) still depends on this entry.",
        ),
        "prefix_taken": LocalizedText(
            "Awalan nomor {prefix} sudah dipakai layanan {id} di MPP yang sama.",
            "The number prefix {prefix} is already used by the service {id} at this site.",
        ),
        "register_full": LocalizedText(
            "Data daerah ini sudah mencapai batas {most}.",
            "This regency's register has reached its limit of {most}.",
        ),
        "cannot_move": LocalizedText(
            "Isian {what} tidak dapat diganti; nonaktifkan data ini dan daftarkan yang baru.",
            "The {what} cannot change; withdraw this entry and register a new one.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {
        "what": COUNTER,
        "id": "contoh-gerai",
        "prefix": "A",
        "most": 50_000,
    }


class UnableToTakeId(UnableToRegister):
    """Somebody has this id already, the caller's own regency or another: in the same words."""

    def __init__(self, id: str, *, of_another_regency: bool) -> None:
        """`of_another_regency`: for operators; callers are not told."""
        super().__init__("id_taken", field="id", id=id)
        self.of_another_regency = of_another_regency


class UnableToName(Refusal):
    """An id travels in events, addresses and logs, and must not say who somebody is."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "personal_id": LocalizedText(
            "Kode tidak boleh menyerupai NIK, nomor telepon, atau alamat surel.",
            "An id must not look like a NIK, a phone number or an e-mail address.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "id"}


class UnableToRefer(Refusal):
    """A reference leads nowhere, or into another regency; the two look alike on purpose."""

    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "unknown_reference": LocalizedText(
            "Data {what} {id} tidak ditemukan.", "The {what} {id} does not exist."
        ),
        "other_counter": LocalizedText(
            "Layanan {id} bukan milik gerai loket ini.", "The service {id} belongs to another counter."
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "counter_id", "what": COUNTER, "id": "contoh-gerai"}


class UnableToReplace(Refusal):
    """Somebody else changed the entry since the caller read it."""

    kind = RefusalKind.STALE
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "stale_version": LocalizedText(
            "Data ini sudah berubah sejak Anda membacanya (kini versi {version}). Baca lagi, lalu ulangi.",
            "This entry has changed since you read it (now version {version}). Read it again, then retry.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "If-Match", "version": 8}


class Entry(Aggregate):
    """An entry of the register. Subclasses add the facts and name the event."""

    facts_type: ClassVar[type[Facts]]
    changed: ClassVar[type[Event]]
    """Says the full state of such an entry; its fields have the entry's names."""
    section: ClassVar[str]
    """Its part of an import, and of the address: "/v1/<section>"."""
    parents: ClassVar[Mapping[str, type["Entry"]]] = {}
    """Fields that name the entries that this one belongs to: they are there, and never others; while it is active, so
    are they. It takes from them what it must have and nobody states."""
    siblings: ClassVar[Mapping[str, type["Entry"]]] = {}
    """Fields that list entries which have the same parents."""
    id_is_chosen: ClassVar[bool] = True
    """By a registrar. False: it is made of another entry's."""

    model_config = ConfigDict(extra="ignore")

    active: bool = True

    @classmethod
    def parents_of(cls, id: str, stated: Mapping[str, Any]) -> list[tuple[str, type["Entry"], str]]:
        """(field, kind, id) of each."""
        return [(field, kind, stated[field]) for field, kind in cls.parents.items()]

    @classmethod
    def taken_from_parents(cls) -> list[str]:
        others = {*cls.facts_type.model_fields, *Entry.model_fields}
        return [
            name for name, field in cls.model_fields.items() if field.is_required() and name not in others
        ]

    def state(self) -> Event:
        """The full state, as it travels on the compacted topic."""
        return self.changed.model_validate(self.model_dump(include=set(self.changed.model_fields)))

    def facts(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.facts_type.model_fields}

    def register(self, *, at: datetime) -> None:
        """A new entry announces itself. Raises UnableToName; entries that are there keep the id that they have."""
        if self.id_is_chosen and looks_personal(self.id):
            raise UnableToName("personal_id", field="id")
        self._record(self.state(), at=at)

    def restate(self, facts: Facts, *, at: datetime) -> bool:
        """Take over what is stated now. False: it is what stands already, and nothing happens."""
        stated = {name: getattr(facts, name) for name in self.facts_type.model_fields}
        if stated == self.facts():
            return False
        for name, parent in self.parents.items():
            if stated[name] != getattr(self, name):
                raise UnableToRegister("cannot_move", field=name, field_name=name, what=parent.word)
        for name, value in stated.items():
            setattr(self, name, value)
        self._record(self.state(), at=at)
        return True

    def expect_version(self, version: int) -> None:
        if version != self.version:
            raise UnableToReplace("stale_version", field="If-Match", version=self.version)
