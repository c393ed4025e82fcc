"""What deploys the queue tells it, beside what every service is told; what an office may change are the rules of its
sites."""

from pydantic import Field

from gerai.chassis import Settings


class QueueSettings(Settings):
    """Environment variables `GERAI_…`; docs/data-map.md says why things are kept for so long."""

    mongodb_database: str = "queue"
    keep_tickets_days: int = Field(default=90, ge=1, le=3_650)
    """After a ticket ended. Its link answers 404 then."""
    keep_unfinished_tickets_days: int = Field(default=400, ge=30, le=3_650)
    """After a ticket was put aside, for its pickup too, or came to stand in a line, and nothing has happened since."""
    keep_number_ranges_days: int = Field(default=90, ge=2, le=3_650)
    """After their day."""
    keep_closed_desks_days: int = Field(default=400, ge=2, le=3_650)
    """After a desk was last closed."""
    display_streams: int = Field(default=1_000, ge=1, le=10_000)
    """Streams of displays that one process keeps open; the last fifth only for regencies with fewer than 20."""
    display_streams_of_regency: int = Field(default=400, ge=1, le=10_000)
    """Of those, at most so many of one regency."""
    display_streams_of_caller: int = Field(default=200, ge=1, le=10_000)
    """Of those, at most so many of one token's subject: a hall's sixty panels may share one, and come back after a
    break before the streams from before it are noticed to be dead."""
