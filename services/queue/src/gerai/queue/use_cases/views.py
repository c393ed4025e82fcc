"""What commands and questions answer. Officers and kiosks see these; visitors see less (`VisitView`)."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.queue.domain.desk import DeskSession
from gerai.queue.domain.ticket import Ticket


class TicketView(BaseModel):
    """A ticket, as staff see it."""

    id: str
    version: int
    number: str = Field(examples=["A-012"])
    site_id: str
    counter_id: str
    service_id: str
    state: TicketState
    priority_class: PriorityClass
    leg: int
    calls: int
    desk_id: str | None
    order_at: datetime

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        return cls(**_ticket_fields(ticket))


class IssuedView(TicketView):
    """What the kiosk prints."""

    link: str = Field(description="The secret part of the visitor's page: /v1/visits/{link}.")

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        return cls(**_ticket_fields(ticket), link=ticket.link)


class DeskView(BaseModel):
    """A desk, as its officer sees it."""

    id: str
    version: int
    counter_id: str
    is_open: bool
    officer: str | None
    ticket: TicketView | None

    @classmethod
    def of(cls, desk: DeskSession, ticket: Ticket | None, *, changed: bool = False) -> Self:
        return cls(
            id=desk.id,
            version=desk.version + changed,
            counter_id=desk.counter_id,
            is_open=desk.is_open,
            officer=desk.officer,
            ticket=TicketView.of(ticket) if ticket is not None else None,
        )


def _ticket_fields(ticket: Ticket) -> dict[str, object]:
    return {
        "id": ticket.id,
        # the version that it will have when this is durable
        "version": ticket.version + max(1, len(ticket.recorded)) if ticket.recorded else ticket.version,
        "number": ticket.number,
        "site_id": ticket.site_id,
        "counter_id": ticket.counter_id,
        "service_id": ticket.service_id,
        "state": ticket.state,
        "priority_class": ticket.priority_class,
        "leg": len(ticket.legs),
        "calls": ticket.leg.calls,
        "desk_id": ticket.desk_id,
        "order_at": ticket.order_at,
    }
