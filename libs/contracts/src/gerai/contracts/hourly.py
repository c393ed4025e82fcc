"""What the example service says."""

from pydantic import AwareDatetime

from gerai.contracts import queue
from gerai.contracts.event import Cleanup, Event, Topic

HOURS = Topic(
    name="hourly.hours",
    key="tally id",
    partitions=3,
    retention_days=30,
    cleanup=Cleanup.DELETE,
    owner="hourly",
)
READS = (queue.TICKETS,)
"""The topics of others that it subscribes to."""


class HourCounted(Event, type="hourly.hour-counted.v1", topic=HOURS, subject="{tenant}:{hour:%Y-%m-%dT%H}"):
    """A ticket was added to the count of its hour."""

    tenant: str
    """The regency."""
    hour: AwareDatetime
    """The hour's beginning, UTC."""
    tickets: int
    """Tickets issued in this hour so far."""
