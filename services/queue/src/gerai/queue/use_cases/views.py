"""What use cases answer. Officers and kiosks see these; visitors see less (`VisitView`)."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.opening import Code, Opening
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.domain.ticket import Ticket


class TicketView(BaseModel):
    """A ticket, as staff see it; without the visitor's link, and without why it has priority."""

    id: str
    version: int
    number: str = Field(examples=["A-012"])
    site_id: str
    counter_id: str
    service_id: str
    local_day: str
    state: TicketState
    since: datetime
    priority_class: PriorityClass
    leg: int
    calls: int
    """Of this leg."""
    desk_id: str | None
    order_at: datetime
    callable_from: datetime
    near_front_at: datetime | None
    """When it was told that few are before it, on this leg."""
    wait_seconds: float
    walk_seconds: float
    service_seconds: float
    hold_seconds: float

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        return cls(**_fields(ticket))


class IssuedTicket(TicketView):
    """What the kiosk prints."""

    link: str = Field(description="The secret part of the visitor's page: /v1/visits/{link}.")

    @classmethod
    def with_link(cls, ticket: Ticket, link: str) -> Self:
        return cls(**_fields(ticket), link=link)


class DeskState(BaseModel):
    """A desk, as opening and closing it leave it."""

    id: str
    counter_id: str
    is_open: bool
    officer: str | None

    @classmethod
    def of(cls, session: DeskSession) -> Self:
        return cls(**_desk_fields(session))


class DeskView(DeskState):
    """A desk, as its officer sees it."""

    name: str
    service_ids: tuple[str, ...]
    ticket: TicketView | None
    waiting: int
    """How many wait for this desk."""
    aside: tuple[TicketView, ...]
    """Held, or waiting for their pickup; the longest first, at most 50."""

    @classmethod
    def showing(
        cls,
        session: DeskSession,
        *,
        name: str,
        service_ids: tuple[str, ...],
        ticket: Ticket | None,
        waiting: int,
        aside: list[Ticket],
    ) -> Self:
        return cls(
            **_desk_fields(session),
            name=name,
            service_ids=service_ids,
            ticket=TicketView.of(ticket) if ticket is not None else None,
            waiting=waiting,
            aside=tuple(TicketView.of(one) for one in aside),
        )


class VisitView(BaseModel):
    """What a visitor may know: the same shape in every state."""

    number: str
    state: TicketState
    service: str
    counter: str
    desk: str | None
    people_before: int | None
    """Waiting visitors who are called before, as it stands; None when not waiting."""
    position: int | None
    leg: int
    calls: int
    since: datetime
    can_cancel: bool


class ServiceDayView(BaseModel):
    """A service today, with the answer that a visitor would get now."""

    service_id: str
    name: str
    counter_id: str
    counter: str
    local_day: str
    issued: int
    quota: int | None
    availability: Code
    why: str
    opens: str
    """When it gives numbers again, in the site's time: "13:00", or "2026-11-30 08:00" on another day. Empty where it
    gives them now, and where it does not within the next 60 days."""
    opens_at: datetime | None
    """The same as an instant. If nothing changes until then, a number is given then, and none before."""
    until: str
    closed_reason: str | None

    @classmethod
    def of(cls, day: ServiceDay, opening: Opening, *, name: str, counter: str, quota: int | None) -> Self:
        return cls(
            service_id=day.service_id,
            name=name,
            counter_id=day.counter_id,
            counter=counter,
            local_day=day.local_day,
            issued=day.issued,
            quota=quota,
            availability=opening.code,
            why=opening.why,
            opens=opening.opens,
            opens_at=opening.opens_at,
            until=opening.until,
            closed_reason=day.closed_reason,
        )


class RulesView(BaseModel):
    """The rules of a site; `version` 0: nobody has changed the defaults."""

    site_id: str
    version: int
    rules: Rules


class CalledView(BaseModel):
    """A called or served ticket on the board."""

    number: str
    local_day: str | None
    """The day of the number, where it is not today's: to be shown beside it."""
    state: TicketState
    zone: str
    counter_id: str
    counter: str
    desk_id: str | None
    desk: str
    call: int
    since: datetime


class NextView(BaseModel):
    """A number that comes next."""

    number: str
    local_day: str | None
    """As in `CalledView`."""


class BoardCounter(BaseModel):
    """A counter on the board."""

    counter_id: str
    counter: str
    zone: str
    waiting: int
    next: tuple[NextView, ...]
    """Who comes next, at most three."""
    open_desks: int


class Board(BaseModel):
    """What hangs on a site's board: called tickets, the latest first, and the line of each counter."""

    site_id: str
    called: tuple[CalledView, ...]
    counters: tuple[BoardCounter, ...]
    as_of: datetime


def _fields(ticket: Ticket) -> dict[str, Any]:
    leg = ticket.leg
    return {
        "id": ticket.id,
        "version": ticket.version_as_recorded,
        "number": ticket.number,
        "site_id": ticket.site_id,
        "counter_id": ticket.counter_id,
        "service_id": ticket.service_id,
        "local_day": ticket.local_day,
        "state": ticket.state,
        "since": ticket.since,
        "priority_class": ticket.priority_class,
        "leg": len(ticket.legs),
        "calls": leg.calls,
        "desk_id": ticket.desk_id,
        "order_at": ticket.order_at,
        "callable_from": ticket.callable_from,
        "near_front_at": ticket.near_front_at,
        "wait_seconds": leg.wait_seconds,
        "walk_seconds": leg.walk_seconds,
        "service_seconds": leg.service_seconds,
        "hold_seconds": leg.hold_seconds,
    }


def _desk_fields(session: DeskSession) -> dict[str, Any]:
    return {
        "id": session.id,
        "counter_id": session.counter_id,
        "is_open": session.is_open,
        "officer": session.officer,
    }
