"""Events as the queue tells them, for tests of what listens."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gerai.contracts import queue
from gerai.contracts.event import Envelope
from gerai.contracts.queue import PriorityClass, TicketState

AT = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


class Teller:
    """Each event gets an id of its own, and the next version of its ticket."""

    def __init__(self) -> None:
        self._ids = 0
        self._versions: dict[str, int] = {}

    def tell(
        self,
        kind: type[queue.TicketEvent],
        to: TicketState,
        *,
        ticket: str = "t1",
        counter: str = "samsat",
        **more: Any,
    ) -> Envelope:
        self._ids += 1
        self._versions[ticket] = self._versions.get(ticket, 0) + 1
        event = kind(
            tenant="muna-barat",
            site_id="muna-barat-mpp",
            counter_id=counter,
            service_id=f"{counter}-info",
            ticket_id=ticket,
            number="A-001",
            local_day="2026-12-01",
            leg=1,
            priority_class=PriorityClass.REGULAR,
            from_state=None,
            to_state=to,
            actor="officer-1",
            **more,
        )
        return Envelope(
            id=UUID(int=self._ids),
            source="/queue",
            subject=ticket,
            sequence=self._versions[ticket],
            time=AT,
            correlation_id="c",
            causation_id=None,
            event=event,
        )
