"""The legal clock of an application: it starts once, rests for the applicant alone, and is never set back."""

from datetime import date

from pydantic import AwareDatetime

from gerai.contracts.licensing.applications import ApplicationEvent
from gerai.contracts.licensing.topics import APPLICATIONS


class ClockEvent(ApplicationEvent):
    """What every event of the legal clock says."""

    due: date
    """The last day of the legal time, as it stands."""
    lapses_at: AwareDatetime
    """The instant from which it is too late: the end of that day."""


class ClockStarted(ClockEvent, type="licensing.clock-started.v1", topic=APPLICATIONS):
    """The legal time runs."""

    working_days: int
    """So many working days."""
    first_day: date
    """From this day on they are counted."""


class ClockPaused(ClockEvent, type="licensing.clock-paused.v1", topic=APPLICATIONS):
    """The office waits for the applicant. `due` is the last day if the whole budget is used."""

    kind: str
    """What for: clarification, payment."""
    resumes_at: AwareDatetime
    """The clock goes on by itself then."""
    consumed: int
    """Working days used so far."""


class ClockResumed(ClockEvent, type="licensing.clock-resumed.v1", topic=APPLICATIONS):
    """The clock goes on from where it was; it never begins again."""

    kind: str
    """What the office had waited for: clarification, payment."""
    ended_by: str
    """answered, or budget_used_up: the clock went on by itself."""
    paused_days: int
    """Working days of this pause that are not counted."""


class ClockRescheduled(ClockEvent, type="licensing.clock-rescheduled.v1", topic=APPLICATIONS):
    """The calendar was changed or an outage was declared, and the deadline is another day."""

    due_before: date
    """The last day until now."""


class ClockWarned(ClockEvent, type="licensing.clock-warned.v1", topic=APPLICATIONS):
    """So much of the time is used that whoever holds the file must know."""

    stage: str | None = None
    """The stage whose own time it is; None: the whole."""
    left: int
    """Working days that are left, with the present one."""


class ClockLapsed(ClockEvent, type="licensing.clock-lapsed.v1", topic=APPLICATIONS):
    """Nobody decided in time."""

    outcome: str
    """deemed_approval, or escalation where the permit type knows none."""
