"""Business time: opening hours, waits, deadlines. Infrastructure time (leases, retries) never comes from here."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from gerai.chassis.settings import Settings


class BusinessClock(Protocol):
    """The one clock that is injected at the edge and passed into the domain as `at=`."""

    def now(self) -> datetime:
        """The business time, aware, in UTC; to the millisecond, as MongoDB keeps it, so that what a command saw and what
        is stored are the same."""
        ...


class RealClock:
    """Business time is real time."""

    def now(self) -> datetime:
        return _kept(datetime.now(UTC))


@dataclass(frozen=True, kw_only=True)
class SimulatedClock:
    """At `anchor_real` it is `anchor_business`, and from then on time runs `speed` times as fast. Every process
    with the same three settings reads the same time."""

    anchor_real: datetime
    anchor_business: datetime
    speed: float

    def now(self) -> datetime:
        return _kept(self.anchor_business + (datetime.now(UTC) - self.anchor_real) * self.speed)


def _kept(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def clock_of(settings: Settings) -> BusinessClock:
    """The clock that the settings ask for; they have made sure that both anchors are there."""
    if settings.clock_anchor_real is None or settings.clock_anchor_business is None:
        return RealClock()
    return SimulatedClock(
        anchor_real=settings.clock_anchor_real.astimezone(UTC),
        anchor_business=settings.clock_anchor_business.astimezone(UTC),
        speed=settings.clock_speed,
    )
