"""What the queue says: the story of each ticket, and which services take tickets.

Every ticket event names the ticket, its leg, the step from one state to the next, and who took it. A leg is
one stop of a visit: a transfer closes one and opens the next. Times are seconds of business time.
"""

from enum import StrEnum

from pydantic import AwareDatetime

from gerai.contracts import registry
from gerai.contracts.event import Cleanup, Event, Topic

TICKETS = Topic(
    name="queue.tickets",
    key="ticket id",
    partitions=12,
    retention_days=30,
    cleanup=Cleanup.DELETE,
    owner="queue",
)
SERVICE_DAYS = Topic(
    name="queue.service-days",
    key="service id and local day",
    partitions=3,
    retention_days=30,
    cleanup=Cleanup.DELETE,
    owner="queue",
)
READS = (
    registry.SITES,
    registry.INSTITUTIONS,
    registry.COUNTERS,
    registry.DESKS,
    registry.SERVICES,
    registry.CALENDARS,
)
"""The topics of others that the queue subscribes to."""


class TicketState(StrEnum):
    """Where a ticket is."""

    WAITING = "waiting"
    CALLED = "called"
    SERVING = "serving"
    SERVED = "served"
    HELD = "held"
    AWAITING_PICKUP = "awaiting_pickup"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PriorityClass(StrEnum):
    """The class alone: why somebody has priority is close to health data and never travels."""

    REGULAR = "regular"
    PRIORITY = "priority"


class TicketEvent(Event, subject="{ticket_id}"):
    """What every event of a ticket says."""

    tenant: str
    """The regency."""
    site_id: str
    """The site (MPP)."""
    counter_id: str
    """The counter (gerai) of the present leg; after a transfer the new one."""
    service_id: str
    """The service of the present leg; after a transfer the new one."""
    ticket_id: str
    """The ticket; one for all legs of a visit."""
    number: str
    """As printed and called: "A-012"."""
    local_day: str
    """The site's day on which the number was given, ISO date."""
    leg: int
    """1, 2, 3, …; a transfer begins the next."""
    priority_class: PriorityClass
    """Whether the visitor goes before others; never why."""
    from_state: TicketState | None
    """None: the ticket is new."""
    to_state: TicketState
    """The state from now on."""
    actor: str
    """Who acted, as an opaque id."""
    desk_id: str | None = None
    """The desk (loket) that acted or serves the ticket now."""
    reason: str | None = None
    """A code of the platform's closed list, never free text: documents_missing, form_incomplete, copy_needed,
    copy_documents, payment_pending, wrong_service, wrong_counter, other_counter, not_ready, visitor_not_ready,
    visitor_left, visitor_request, officer_break, no_staff, system_down, power_cut, other; and visitor, where the
    visitor gave the place up by the own link. The list may grow."""


class TicketIssued(TicketEvent, type="queue.ticket-issued.v1", topic=TICKETS):
    """A visitor has a place in the queue of a service."""

    party_id: str | None = None
    """Who is to be told, as the notification service knows them; opaque."""


class TicketCalled(TicketEvent, type="queue.ticket-called.v1", topic=TICKETS):
    """A desk calls the ticket for the first time, or anew after it returned."""

    call: int
    """Calls of this leg so far."""
    wait_seconds: float
    """From the leg's beginning to this call, without what was spent at a desk or put aside."""
    line_sequence: int
    """1, 2, 3, … within the counter: the order in which it called."""


class TicketRecalled(TicketEvent, type="queue.ticket-recalled.v1", topic=TICKETS):
    """The same desk calls again."""

    call: int
    """Calls of this leg so far."""


class TicketServingStarted(TicketEvent, type="queue.ticket-serving-started.v1", topic=TICKETS):
    """The visitor stands at the desk."""

    walk_seconds: float
    """From the last call."""


class TicketServed(TicketEvent, type="queue.ticket-served.v1", topic=TICKETS):
    """The visit is over, and the visitor was served."""

    wait_seconds: float
    """From the leg's beginning to the last call, without what was spent at a desk or put aside."""
    walk_seconds: float
    """From the last call to the visitor at the desk."""
    service_seconds: float
    """At the desk, without the holds."""
    hold_seconds: float
    """Put aside, all holds of the leg together; waiting for a pickup is none."""


class TicketHeld(TicketEvent, type="queue.ticket-held.v1", topic=TICKETS):
    """Put aside: papers to copy, a form to fill in."""


class TicketResumed(TicketEvent, type="queue.ticket-resumed.v1", topic=TICKETS):
    """Called back after a hold or for the pickup."""

    hold_seconds: float
    """Put aside so far, all holds of the leg together; waiting for a pickup is none."""


class TicketTransferred(TicketEvent, type="queue.ticket-transferred.v1", topic=TICKETS):
    """The present leg is closed and the next one waits at another service; `leg` is the new one."""

    from_counter_id: str
    """The counter of the closed leg."""
    from_service_id: str
    """The service of the closed leg."""
    wait_seconds: float
    """Of the closed leg, from its beginning to the last call before the visitor came."""
    service_seconds: float
    """Of the closed leg, at the desk, without the holds."""


class TicketAwaitingPickup(TicketEvent, type="queue.ticket-awaiting-pickup.v1", topic=TICKETS):
    """Served, but what was made must still be fetched. From `called`: it was called for its pickup and nobody came, so
    it waits for it again."""

    service_seconds: float
    """At the desk so far, without the holds."""


class TicketReturned(TicketEvent, type="queue.ticket-returned.v1", topic=TICKETS):
    """Back to waiting, at its old place, guarded against being called at once again."""

    callable_from: AwareDatetime
    """Not called by itself before this time."""


class TicketMissed(TicketEvent, type="queue.ticket-missed.v1", topic=TICKETS):
    """Called often enough, and nobody came."""

    calls: int
    """How often the leg was called."""


class TicketReinstated(TicketEvent, type="queue.ticket-reinstated.v1", topic=TICKETS):
    """Who missed the call came in time and waits again. Once per ticket."""


class TicketCancelled(TicketEvent, type="queue.ticket-cancelled.v1", topic=TICKETS):
    """The visitor or the office gave the place up."""


class TicketExpired(TicketEvent, type="queue.ticket-expired.v1", topic=TICKETS):
    """The day ended before the ticket was served."""


class TicketNearFront(TicketEvent, type="queue.ticket-near-front.v1", topic=TICKETS):
    """Few people are before the visitor now. Told once per leg, when a desk calls: who takes a number in a line that
    is short already is told with the next call."""

    people_before: int
    """Waiting tickets that are called before this one, as it stands, among those that the calling desk serves. The
    visitor's own page says the same; more where another desk serves this service and others beside it."""


class ServiceDayEvent(Event, subject="{service_id}:{local_day}"):
    """What every event of a service's day says."""

    tenant: str
    """The regency."""
    site_id: str
    """The site (MPP)."""
    counter_id: str
    """The counter (gerai) that offers the service."""
    service_id: str
    """The service that takes tickets or not."""
    local_day: str
    """The site's day, ISO date."""
    actor: str
    """Who acted, as an opaque id."""


class ServiceDayClosed(ServiceDayEvent, type="queue.service-day-closed.v1", topic=SERVICE_DAYS):
    """The office stopped giving tickets for a service today."""

    reason: str | None = None
    """A code of the platform's closed list, as in the events of tickets; never free text."""


class ServiceDayReopened(ServiceDayEvent, type="queue.service-day-reopened.v1", topic=SERVICE_DAYS):
    """The office gives tickets for the service again."""
