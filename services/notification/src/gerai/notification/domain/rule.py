"""Rules are data: which event makes us tell whom what, how urgently, and until when it has a sense."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.event import Event
from gerai.contracts.language import events
from gerai.contracts.notification import Category
from gerai.notification.domain.languages import Language
from gerai.notification.domain.template import Problem, Template

FieldName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
MONTHS = {
    Language.ID: [
        "Januari",
        "Februari",
        "Maret",
        "April",
        "Mei",
        "Juni",
        "Juli",
        "Agustus",
        "September",
        "Oktober",
        "November",
        "Desember",
    ],
    Language.EN: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
}


class Urgency(StrEnum):
    """How a message meets the night and the crowd."""

    NOW = "now"
    """Sent at any hour, before all others: somebody is called."""
    NORMAL = "normal"
    """Waits for the end of the quiet hours."""
    BULK = "bulk"
    """The same, and after all others."""


class Audience(StrEnum):
    """Whom a rule tells."""

    VISITOR = "visitor"
    """The party of the ticket that the event is about."""
    APPLICANT = "applicant"
    """The party of the application that the event is about."""
    OFFICER = "officer"
    """The party that the event names as the one who has the task."""


class Form(StrEnum):
    """How a field of an event is shown."""

    PLAIN = "plain"
    TIME = "time"
    """14:05, in the site's zone."""
    DAY = "day"
    """28 November 2026."""
    RUPIAH = "rupiah"
    """Rp 15.000.000, always in full."""
    MINUTES = "minutes"
    """Of seconds, rounded up."""
    LINK = "link"
    """An address of ours that ends with the field's value."""
    SITE = "site"
    COUNTER = "counter"
    SERVICE = "service"
    DESK = "desk"
    """The field holds an id of the register; its name is shown."""


class Names(Protocol):
    """What the register calls its entries. An id that it does not know is shown as it is."""

    def site_name(self, id: str) -> str: ...
    def counter_name(self, id: str) -> str: ...
    def service_name(self, id: str) -> str: ...
    def desk_name(self, id: str | None) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Reader:
    """For whom values are written out, and what is needed for it."""

    language: Language
    zone: ZoneInfo
    own_address: str
    """Of our pages, with a slash at its end."""
    names: Names


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Part):
    """All that is set must hold for the field's value."""

    field: FieldName
    equals: str | None = None
    """As text: "1", "true", "priority"."""
    is_there: bool | None = None
    """False: the event says nothing in this field."""
    one_of: tuple[str, ...] = ()
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, event: Event) -> bool:
        value = getattr(event, self.field, None)
        if self.equals is not None and _as_text(value) != self.equals:
            return False
        if self.is_there is not None and (value is not None) != self.is_there:
            return False
        if self.one_of and _as_text(value) not in self.one_of:
            return False
        if not self.asks_for_order():
            return True
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    def asks_for_order(self) -> bool:
        return self.at_most is not None or self.at_least is not None


class Value(_Part):
    """Where a placeholder's value comes from."""

    field: FieldName
    form: Form = Form.PLAIN
    path: str = Field(default="", pattern=r"^([a-z0-9-]+/)*$", max_length=80)
    """Of a link: what stands between our address and the value."""


class Rule(_Part):
    """Immutable; what is imported under a known id is its next version."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    version: int = Field(ge=1)
    event: str
    """The type, as "queue.ticket-called.v1"."""
    when: tuple[Condition, ...] = ()
    """All must hold."""
    audience: Audience
    template: str
    category: Category
    urgency: Urgency = Urgency.NORMAL
    expires_after_seconds: int = Field(ge=30, le=30 * 24 * 3600)
    """After the event. Nothing is sent later."""
    supersedes: str | None = None
    """The group of messages about one thing of which only the newest is still worth sending: "place-in-line"."""
    values: Mapping[str, Value] = Field(default_factory=dict, max_length=30)
    """By placeholder."""

    def applies_to(self, event: Event) -> bool:
        return event.type == self.event and all(condition.holds(event) for condition in self.when)

    def expires_at(self, happened_at: datetime) -> datetime:
        return happened_at + timedelta(seconds=self.expires_after_seconds)

    def values_of(self, event: Event, reader: Reader) -> dict[str, str]:
        """What fills the template's placeholders."""
        return {
            name: shown(getattr(event, value.field), value, reader) for name, value in self.values.items()
        }

    def problems(self, templates: Mapping[str, Template]) -> Iterator[Problem]:
        """All of them: an event that does not exist, fields that it does not have or whose values cannot be ordered, a
        template that is not there, placeholders that are not filled or that it does not have."""
        event = _published().get(self.event)
        if event is None:
            yield Problem("event", "unknown_event")
        else:
            for place, field in self._fields():
                if field not in event.model_fields:
                    yield Problem(place, f"unknown_field:{field}")
            for number, condition in enumerate(self.when):
                if condition.asks_for_order() and not _has_numbers(event, condition.field):
                    yield Problem(f"when.{number}", f"not_a_number:{condition.field}")
        template = templates.get(self.template)
        if template is None:
            yield Problem("template", "unknown_template")
            return
        for name in sorted(set(template.placeholders) - set(self.values)):
            yield Problem("values", f"placeholder_without_value:{name}")
        for name in sorted(set(self.values) - set(template.placeholders)):
            yield Problem("values", f"unknown_placeholder:{name}")

    def _fields(self) -> Iterator[tuple[str, str]]:
        for number, condition in enumerate(self.when):
            yield f"when.{number}", condition.field
        for name, value in self.values.items():
            yield f"values.{name}", value.field


@cache
def _published() -> Mapping[str, type[Event]]:
    """Every event of the language, whether this service reads it already or not."""
    return {event.type: event for event in events()}


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _has_numbers(event: type[Event], field: str) -> bool:
    return field in event.model_fields and event.model_fields[field].annotation in (int, float)


def shown(value: Any, how: Value, reader: Reader) -> str:
    """One value as people read it; empty where there is none."""
    if value is None:
        return ""
    match how.form:
        case Form.TIME | Form.DAY:
            return _moment(value, how.form, reader)
        case Form.RUPIAH:
            return f"Rp {int(value):,}".replace(",", ".")
        case Form.MINUTES:
            return str(-(-int(value) // 60))
        case Form.LINK:
            return f"{reader.own_address}{how.path}{value}"
        case Form.SITE:
            return reader.names.site_name(value)
        case Form.COUNTER:
            return reader.names.counter_name(value)
        case Form.SERVICE:
            return reader.names.service_name(value)
        case Form.DESK:
            return reader.names.desk_name(value)
        case Form.PLAIN:
            return str(value)


def _moment(value: Any, form: Form, reader: Reader) -> str:
    local = value.astimezone(reader.zone) if isinstance(value, datetime) else None
    if form is Form.TIME:
        return f"{local:%H:%M}" if local is not None else str(value)
    day = local.date() if local is not None else date.fromisoformat(str(value))
    return f"{day.day} {MONTHS[reader.language][day.month - 1]} {day.year}"
