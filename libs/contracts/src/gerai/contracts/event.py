"""What every event and topic of the published language is made of."""

import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Cleanup(StrEnum):
    """Kafka's cleanup policies that we use."""

    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """A Kafka topic as its owner declares it; deployment and documents are generated from this."""

    name: str
    key: str
    """What the record key holds, in words: "ticket id"."""
    partitions: int
    retention_days: int | None
    """None: kept for ever (compacted topics)."""
    cleanup: Cleanup
    owner: str
    """The service that writes it. Who reads it is stated by the readers; see `language.readers`."""
    max_bytes: int | None = None
    """The largest record; None: the broker's default of 1 MB."""

    @property
    def source(self) -> str:
        """The one `ce_source` whose records are believed here: the owner, as events name it."""
        return source_of(self.owner)


def source_of(service: str) -> str:
    return f"/gerai/{service}"


class Event(BaseModel):
    """A fact that happened, as it travels. Subclasses state `type` and `topic` once, in their class line:

    `class TicketIssued(Event, type="queue.ticket-issued.v1", topic=TICKETS, subject="{ticket_id}")`

    `subject` is made of the body's fields, as `str.format` reads it, and names the aggregate: it is inherited, and is
    what `ce_subject` and the record key must say.

    Producers build events through the closed class: an unknown field is an error. Readers decode through
    `parse`, which ignores fields that a newer producer added. JSON has no NaN and no infinity; nor have events.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    type: ClassVar[str]
    topic: ClassVar[Topic]
    subject_form: ClassVar[str | None] = None
    _registry: ClassVar[dict[str, builtins.type["Event"]]] = {}

    def __init_subclass__(
        cls,
        *,
        type: str | None = None,
        topic: Topic | None = None,
        subject: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if subject is not None:
            cls.subject_form = subject
        if type is None or topic is None:  # an abstract base that groups fields
            return
        if type in Event._registry:
            raise TypeError(f"event type {type} is declared twice")
        if cls.subject_form is None:
            raise TypeError(f"event type {type} does not say which aggregate it is of: subject=…")
        cls.type = type
        cls.topic = topic
        Event._registry[type] = cls

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Decode a published body. Unknown fields are ignored.

        Raises pydantic.ValidationError where the body is not JSON or misses what this version requires.
        """
        return cls.model_validate_json(body, extra="ignore")

    def aggregate_id(self) -> str:
        """The aggregate that the body itself says it is of."""
        assert self.subject_form is not None
        return self.subject_form.format_map(self.__dict__)

    @classmethod
    def every(cls) -> Iterator[builtins.type["Event"]]:
        """All declared event classes, by type."""
        return iter(event for _, event in sorted(Event._registry.items()))

    @classmethod
    def of_type(cls, type: str) -> builtins.type["Event"] | None:
        return Event._registry.get(type)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """An event with the CloudEvents attributes it travels with."""

    id: UUID
    source: str
    subject: str
    """The aggregate's id; it is the record key, too."""
    sequence: int
    """The aggregate's version after this event: 1, 2, 3, …"""
    time: datetime
    """Business time, UTC."""
    correlation_id: str
    causation_id: str | None
    event: Event
    traceparent: str | None = None
    replayed_for: str | None = None
    """Set on a replay: the one consumer group that it is meant for."""
    replayed_from: str | None = None
    """Set on a replay: the topic that the record stood on."""
    overrides: str | None = None
    """Set on a replay by an operator, with an id of its own: what it says holds, whatever is known already."""
