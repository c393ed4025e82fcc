"""One stop of a visit."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class LegOutcome(StrEnum):
    SERVED = "served"
    TRANSFERRED = "transferred"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Leg(BaseModel):
    """A transfer closes a leg and opens the next. Seconds of business time."""

    model_config = ConfigDict(frozen=True)

    service_id: str
    counter_id: str
    opened_at: datetime
    calls: int = 0
    desk_id: str | None = None
    """The last desk that called."""
    ended_at: datetime | None = None
    outcome: LegOutcome | None = None
    wait_seconds: float = 0.0
    """From the beginning to the last call, without what was spent at a desk or put aside."""
    walk_seconds: float = 0.0
    service_seconds: float = 0.0
    hold_seconds: float = 0.0
