"""The base of every aggregate: identity, regency, version, and the events it records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from gerai.contracts.event import Event
from gerai.messaging.cipher import NO_KEYS, Cipher
from gerai.messaging.mapping import Document, Mapper, Upgrade
from gerai.messaging.refusal import LocalizedText, Term


class Recorded(NamedTuple):
    """An event and the business time (UTC) at which it happened."""

    event: Event
    at: datetime


class Aggregate(BaseModel):
    """One consistency boundary. It is read whole and saved with an optimistic version, in `collection`.

    Field values are immutable (tuples, frozen models): the unit of work hands each command a shallow
    copy, a command that is refused half-way leaves no trace, and what has other values is written. Methods
    change fields and call `_record`.
    """

    model_config = ConfigDict(extra="ignore", validate_assignment=False)

    collection: ClassVar[str]
    word: ClassVar[Term] = Term("entry", LocalizedText("ini", "entry"))
    """What it is called where it is not found."""

    warm: ClassVar[bool] = False
    """True for small, hot aggregates (number ranges): a process keeps the last state that it wrote and
    reads it again only when somebody else changed it."""

    part_of: ClassVar["type[Aggregate] | None"] = None
    """Set for what is only looked at, in numbers: a few fields of another aggregate, which alone are read. Selected
    like any other, and never written."""

    followed: ClassVar[bool] = False
    """True: every event of its life travels in the trace of the request that made it, so that one visit is
    one trace."""

    schema_number: ClassVar[int] = 1
    """Of the form that documents have; see `mapping`. It grows when a field is renamed, gets another type or another
    meaning, is taken away, or comes into a nested value. A new field of the aggregate itself, with a default, is no new
    form."""

    upgrades: ClassVar[Mapping[int, Upgrade]] = {}
    """By schema number, how a document of it becomes one of the next. A selection finds documents by what is stored: where
    a step changes a field that an index holds, a repair (`Components.repairs`) has to rewrite all of them first."""

    mapper: ClassVar[Mapper]

    id: str
    tenant: str
    version: int = 0
    """Grows with every save, by one for each recorded event and at least by one; 0 = never saved."""
    position: int = 0
    """Of the newest outbox row; see `unit_of_work`. Not business data."""
    traceparent: str | None = None
    """Of a followed aggregate: where its trace began (W3C trace context)."""

    # Slots: pydantic's private attributes would cost more than all of the other fields of a document that is read.
    __slots__ = ("_outdated", "_recorded")
    if TYPE_CHECKING:
        _recorded: tuple[Recorded, ...]
        _outdated: frozenset[str] | None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Raises Unmappable."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.mapper = Mapper(cls)

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Steps of a visit change many fields, and pydantic's own way asks each time what kind of a name it is."""
            if name in type(self).__pydantic_fields__:
                self.__dict__[name] = value
            elif name == "_recorded":
                object.__setattr__(self, name, value)
            else:
                super().__setattr__(name, value)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Logs and tracebacks show no personal value."""
        hidden = self.mapper.encrypted.names
        return [(name, "…" if name in hidden else value) for name, value in super().__repr_args__()]

    def _record(self, event: Event, *, at: datetime) -> None:
        self._recorded = (*self.recorded, Recorded(event, at))

    @property
    def recorded(self) -> Sequence[Recorded]:
        """The events of this change, oldest first."""
        try:
            return self._recorded
        except AttributeError:  # it has recorded nothing since it was made or read
            return ()

    @property
    def version_as_recorded(self) -> int:
        """The version that it has once its events are saved, which is what a caller is to be told."""
        return self.version + len(self.recorded)

    @property
    def outdated(self) -> frozenset[str] | None:
        """None; or of a document of an earlier form, which its next write replaces, the names that are no more."""
        try:
            return self._outdated
        except AttributeError:  # it was made, or read in its present form
            return None

    def forked(self) -> Self:
        """A copy that can be changed and thrown away; it has recorded nothing yet.

        Every command makes some, so this is `model_copy` without what a shallow copy of an aggregate never needs.
        """
        fork = type(self).__new__(type(self))
        object.__setattr__(fork, "__dict__", self.__dict__.copy())
        object.__setattr__(fork, "__pydantic_fields_set__", self.__pydantic_fields_set__)
        object.__setattr__(fork, "__pydantic_extra__", None)
        object.__setattr__(fork, "__pydantic_private__", None)
        object.__setattr__(fork, "_recorded", ())
        return fork

    def settle(self) -> None:
        """What was recorded is on its way; the state is the newest one from now on."""
        self._recorded = ()

    def changed_since(self, earlier: Self) -> set[str]:
        """The fields that have other values than in an earlier state."""
        before = earlier.__dict__
        return {
            name
            for name, value in self.__dict__.items()
            if value is not before[name] and value != before[name]
        }

    def document(self, cipher: Cipher = NO_KEYS) -> Document:
        """As the store keeps this state; `_id` is the aggregate's id. `cipher`: for encrypted fields."""
        return self.mapper.document(self.__dict__, cipher)

    def update_of(self, stored: Self, cipher: Cipher = NO_KEYS) -> Document:
        """What turns the document of an earlier state, as it was read, into this state's: `$set` and `$unset`."""
        mapper = self.mapper
        outdated = stored.outdated if mapper.number > 1 else None
        return mapper.update(self.__dict__, self.changed_since(stored), outdated, cipher)

    @classmethod
    def from_document(cls, document: Document, cipher: Cipher = NO_KEYS) -> Self:
        """Takes the document over: it is not for use any more. Raises UnreadableDocument, NewerDocument, Unopenable."""
        found: Self
        found, outdated = cls.mapper.aggregate(document, cipher)
        if outdated is not None:
            object.__setattr__(found, "_outdated", outdated)
        return found


def every_kind(below: type[Aggregate] = Aggregate) -> list[type[Aggregate]]:
    """All classes that this process has defined and that have a collection."""
    direct = below.__subclasses__()
    found = [one for kind in direct for one in (kind, *every_kind(kind))]
    return [kind for kind in dict.fromkeys(found) if hasattr(kind, "collection")]
