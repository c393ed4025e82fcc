"""What a panel shows and says: numbers and desks, nothing that tells who somebody is."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from gerai.contracts import queue as said
from gerai.contracts.event import Event
from gerai.queue.domain.announcement import announcement
from gerai.queue.domain.catalogue import Catalogue


class DisplayKind(StrEnum):
    CALLED = "called"
    """To be shown and announced."""
    SERVING = "serving"
    LEFT = "left"
    """No longer to be shown as called."""
    SERVICE_CLOSED = "service_closed"
    SERVICE_REOPENED = "service_reopened"


KINDS: dict[type[Event], DisplayKind] = {
    said.TicketCalled: DisplayKind.CALLED,
    said.TicketRecalled: DisplayKind.CALLED,
    said.TicketResumed: DisplayKind.CALLED,
    said.TicketServingStarted: DisplayKind.SERVING,
    said.TicketServed: DisplayKind.LEFT,
    said.TicketHeld: DisplayKind.LEFT,
    said.TicketReturned: DisplayKind.LEFT,
    said.TicketMissed: DisplayKind.LEFT,
    said.TicketTransferred: DisplayKind.LEFT,
    said.TicketAwaitingPickup: DisplayKind.LEFT,
    said.TicketExpired: DisplayKind.LEFT,
    said.ServiceDayClosed: DisplayKind.SERVICE_CLOSED,
    said.ServiceDayReopened: DisplayKind.SERVICE_REOPENED,
}
TYPES = tuple(sorted(kind.type for kind in KINDS))


class Shown(BaseModel):
    """One change on the panels of a site."""

    kind: DisplayKind
    at: datetime
    zone: str
    counter_id: str
    counter: str
    service_id: str
    number: str | None = None
    local_day: str | None = None
    """The day of the number, where it is not today's: to be shown beside it."""
    desk_id: str | None = None
    desk: str | None = None
    call: int | None = None
    announcement: str | None = None


def shown(event: Event, catalogue: Catalogue, *, at: datetime) -> tuple[str, Shown] | None:
    """The site, and what its panels show; None for what no panel shows."""
    kind = KINDS.get(type(event))
    if kind is None or (isinstance(event, said.TicketExpired) and event.desk_id is None):
        return None  # who expired in the line hung on no panel
    assert isinstance(event, said.TicketEvent | said.ServiceDayClosed | said.ServiceDayReopened)
    # a transfer is shown where the visitor leaves from
    counter_id = event.from_counter_id if isinstance(event, said.TicketTransferred) else event.counter_id
    change = Shown(
        kind=kind,
        at=at,
        zone=catalogue.rules_of(event.site_id).zone_of(counter_id),
        counter_id=counter_id,
        counter=catalogue.counter_name(counter_id),
        service_id=event.service_id,
    )
    if isinstance(event, said.TicketEvent):
        desk = catalogue.desk_name(event.desk_id)
        change.number, change.desk_id, change.desk = event.number, event.desk_id, desk
        change.local_day = catalogue.other_day(event.site_id, event.local_day, at=at)
        change.call = getattr(event, "call", None)
        if kind is DisplayKind.CALLED:
            change.announcement = announcement(event.number, desk, other_day=change.local_day)
    return event.site_id, change
