"""A ticket as far as the order of its line hangs on it. Lines are long, tickets are large."""

from datetime import datetime
from typing import ClassVar

from gerai.contracts.queue import PriorityClass
from gerai.messaging.aggregate import Aggregate
from gerai.queue.domain.ticket import Ticket


class TicketInLine(Aggregate):
    """For looking at; `Ticket` says what the fields are."""

    collection: ClassVar[str] = Ticket.collection
    part_of: ClassVar[type[Aggregate] | None] = Ticket

    number: str
    n: int
    local_day: str
    service_id: str
    priority_class: PriorityClass = PriorityClass.REGULAR
    order_at: datetime
