"""What deploys the queue tells it, beside what every service is told; what an office may change are the rules of its
sites."""

from pydantic import Field

from gerai.chassis import Settings


class QueueSettings(Settings):
    """Environment variables `GERAI_…`."""

    mongodb_database: str = "queue"
    display_streams: int = Field(default=1_000, ge=1, le=10_000)
    """Streams of displays that one process keeps open; the last fifth only for regencies with fewer than 20."""
    display_streams_of_regency: int = Field(default=400, ge=1, le=10_000)
    """Of those, at most so many of one regency."""
    display_streams_of_caller: int = Field(default=200, ge=1, le=10_000)
    """Of those, at most so many of one token's subject: a hall's sixty panels may share one, and come back after a
    break before the streams from before it are noticed to be dead."""
