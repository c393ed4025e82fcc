"""Tickets as the queue tells of them."""

import uuid
from datetime import UTC, datetime

from gerai.chassis import testing
from gerai.contracts.event import Envelope
from gerai.contracts.queue import PriorityClass, TicketIssued, TicketState

NINE = datetime(2026, 11, 24, 1, 15, tzinfo=UTC)
"""A quarter past nine in Makassar."""


def issued(*, at: datetime = NINE, tenant: str = "muna-barat") -> Envelope:
    event = TicketIssued(
        tenant=tenant,
        site_id="s",
        counter_id="c",
        service_id="v",
        ticket_id=str(uuid.uuid4()),
        number="A-001",
        local_day="2026-11-24",
        leg=1,
        priority_class=PriorityClass.REGULAR,
        from_state=None,
        to_state=TicketState.WAITING,
        actor="kiosk",
    )
    return testing.envelope(event, at=at)
