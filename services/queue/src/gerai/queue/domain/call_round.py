"""The calls since a ticket last came to the front: how often it was called, and which calls count."""

from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from gerai.queue.domain.rules import Rules


class CallRound(BaseModel):
    """Calls that follow each other too fast count as one: nobody can hear three calls in five seconds."""

    model_config = ConfigDict(frozen=True)

    first_at: datetime
    last_at: datetime
    counted: int = 1
    counted_at: datetime

    @classmethod
    def begun(cls, at: datetime) -> Self:
        return cls(first_at=at, last_at=at, counted_at=at)

    def again(self, at: datetime, rules: Rules) -> "CallRound":
        if at - self.counted_at < timedelta(seconds=rules.recall_gap_seconds):
            return self.model_copy(update={"last_at": at})
        return self.model_copy(update={"last_at": at, "counted": self.counted + 1, "counted_at": at})

    def was_missed(self, at: datetime, rules: Rules) -> bool:
        """Called often enough, the last time long enough ago; or called first so long ago that it is missed anyway."""
        if at - self.first_at >= timedelta(seconds=rules.grace_seconds):
            return True
        heard = at - self.last_at >= timedelta(seconds=rules.recall_gap_seconds)
        return heard and self.counted >= rules.recall_limit
