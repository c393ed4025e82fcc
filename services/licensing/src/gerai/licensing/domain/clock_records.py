"""What a legal clock keeps beside its marks: pauses, stages, what stands beside a day, and how it ended."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from gerai.licensing.domain.clock_terms import PauseKind, PauseReason


class Ending(StrEnum):
    """A clock ends once, in one of these ways."""

    DECIDED = "decided"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class PauseEnd(StrEnum):
    ANSWERED = "answered"
    BUDGET_USED_UP = "budget_used_up"
    CLOCK_ENDED = "clock_ended"


class ClockValue(BaseModel):
    model_config = ConfigDict(frozen=True)


class Pause(ClockValue):
    """The file was with the applicant: after `since`, up to and with `until`."""

    kind: PauseKind
    reason: PauseReason
    since: date
    """The day of the question; it counts."""
    asked_at: datetime
    until: date | None = None
    """The last day that the pause covers; None: it is still open."""
    ended_by: PauseEnd | None = None


class StageSpan(ClockValue):
    """A stage has the days after `after`, up to and with `until`."""

    stage: str
    after: date
    until: date | None = None


class Note(ClockValue):
    day: date
    text: str
    """The holiday's name, or the number of the decree."""
