"""When a site's day is over."""

from datetime import date, datetime, timedelta

from gerai.contracts.queue import TicketState
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import Rules
from gerai.register.local_time import midnight_after

LOOK_AGAIN = timedelta(minutes=15)
"""Opening hours may be shortened while people wait; the day then ends at most so much late."""


def day_ends_at(catalogue: Catalogue, site_id: str, local_day: str) -> datetime:
    """Some time after the last closing of any of its services; local midnight at the latest."""
    day, zone = date.fromisoformat(local_day), catalogue.zone_of(site_id)
    midnight = midnight_after(day, zone)
    closings = [
        closing
        for service in catalogue.services_at(site_id)
        if (hours := catalogue.hours_of(service)) is not None
        and (closing := hours.closes_at(day)) is not None
    ]
    if not closings:
        return midnight
    grace = timedelta(minutes=catalogue.rules_of(site_id).end_after_closing_minutes)
    return min(midnight, max(closings) + grace)


def next_look_at(catalogue: Catalogue, site_id: str, local_day: str, *, at: datetime) -> datetime:
    """When to ask next whether the day is over."""
    return min(day_ends_at(catalogue, site_id, local_day), at + LOOK_AGAIN)


def states_that_end(rules: Rules) -> tuple[TicketState, ...]:
    """Who is being served when the day ends is served to the end; what must still be fetched may be fetched on any
    later day."""
    if not rules.end_called_and_held:
        return (TicketState.WAITING,)
    return (TicketState.WAITING, TicketState.CALLED, TicketState.HELD)
