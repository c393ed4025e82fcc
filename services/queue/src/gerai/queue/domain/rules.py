"""The settings that an office makes for the queue of its site; each has a sensible default."""

from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gerai.messaging.aggregate import Aggregate
from gerai.queue.domain.refusals import UnableToChangeRules


class Overnight(StrEnum):
    """What becomes of who still waits when the day ends."""

    END = "end"
    KEEP = "keep"


class RangeEnd(StrEnum):
    """What happens when a service's numbers are used up. They are never used twice."""

    REFUSE = "refuse"
    EXTEND = "extend"


class Rules(BaseModel):
    """Durations are business time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recall_limit: Annotated[
        int, Field(ge=1, le=10, description="Calls after which a visitor counts as missing.")
    ] = 3
    recall_gap_seconds: Annotated[int, Field(ge=0, le=600, description="Least time between two calls.")] = 30
    grace_seconds: Annotated[
        int,
        Field(
            ge=0, le=3600, description="After this long a call counts as missed, however often it was made."
        ),
    ] = 300
    reinstate_minutes: Annotated[
        int,
        Field(ge=0, le=120, description="Who missed the call may come back this long after the last one."),
    ] = 10
    guard_minutes: Annotated[
        int,
        Field(ge=0, le=60, description="Who was called this recently is skipped when the next is called."),
    ] = 5
    priority_in_a_row: Annotated[
        int, Field(ge=1, le=20, description="Priority calls in a row while somebody else waits.")
    ] = 3
    near_front: Annotated[
        int, Field(ge=0, le=20, description='"People before you" at which a visitor is told.')
    ] = 3
    overnight: Overnight = Overnight.END
    range_end: RangeEnd = RangeEnd.REFUSE
    day_ends_at: Annotated[
        str,
        Field(
            pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local time at which the day's queue is ended."
        ),
    ] = "21:00"

    @property
    def recall_gap(self) -> timedelta:
        return timedelta(seconds=self.recall_gap_seconds)

    @property
    def grace(self) -> timedelta:
        return timedelta(seconds=self.grace_seconds)

    @property
    def guard(self) -> timedelta:
        return timedelta(minutes=self.guard_minutes)

    @property
    def reinstatement(self) -> timedelta:
        return timedelta(minutes=self.reinstate_minutes)

    @property
    def day_end(self) -> time:
        return time.fromisoformat(self.day_ends_at)


DEFAULT_RULES = Rules()


class SiteRules(Aggregate):
    """The rules of one site; the id is the site's."""

    collection: ClassVar[str] = "site_rules"
    warm: ClassVar[bool] = False

    rules: Rules = DEFAULT_RULES

    def replace(self, rules: Rules, *, expected: int) -> None:
        """Raises UnableToChangeRules (stale_version) when somebody changed them meanwhile."""
        if expected != self.version:
            raise UnableToChangeRules("stale_version", field="If-Match", version=self.version)
        self.rules = rules
