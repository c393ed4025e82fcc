"""A leg: one stop of a visit, with its times. Waiting ends with the last call; walking is from there to the desk."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict


class Leg(BaseModel):
    """Seconds are business time. Frozen: each step makes a new one."""

    model_config = ConfigDict(frozen=True)

    service_id: str
    counter_id: str
    opened_at: datetime
    calls: int = 0
    last_called_at: datetime | None = None
    started_at: datetime | None = None
    held_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    wait_seconds: float = 0.0
    walk_seconds: float = 0.0
    service_seconds: float = 0.0
    hold_seconds: float = 0.0

    def called(self, at: datetime) -> Self:
        return self._with(calls=self.calls + 1, last_called_at=at, wait_seconds=_between(self.opened_at, at))

    def started(self, at: datetime) -> Self:
        return self._with(started_at=at, walk_seconds=_between(self.last_called_at, at))

    def held(self, at: datetime) -> Self:
        """Serving time so far is kept; the hold begins."""
        return self._with(
            held_at=at, started_at=None, service_seconds=self.service_seconds + _between(self.started_at, at)
        )

    def resumed(self, at: datetime) -> Self:
        return self._with(
            held_at=None,
            hold_seconds=self.hold_seconds + _between(self.held_at, at),
            calls=self.calls + 1,
            last_called_at=at,
        )

    def ended(self, at: datetime, outcome: str) -> Self:
        return self._with(
            ended_at=at,
            outcome=outcome,
            service_seconds=self.service_seconds + _between(self.started_at, at),
            hold_seconds=self.hold_seconds + _between(self.held_at, at),
        )

    def reopened(self) -> Self:
        return self._with(ended_at=None, outcome=None)

    def _with(self, **changes: object) -> Self:
        return self.model_copy(update=changes)


def _between(start: datetime | None, end: datetime) -> float:
    return max(0.0, round((end - start).total_seconds(), 3)) if start is not None else 0.0
