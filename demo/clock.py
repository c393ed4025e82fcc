"""The demo's own view of the platform's simulated clock: the same anchor and speed as every process has."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SPEED = 360.0
"""An hour of the day takes ten seconds, where the machine has nothing else to do."""
SLOWEST = 150.0
"""And 24 seconds where it is busy: slower than that, nobody would watch."""


@dataclass(frozen=True, kw_only=True)
class DemoClock:
    """Business time that runs `speed` times as fast as real time."""

    anchor_real: datetime
    anchor_business: datetime
    speed: float

    def now(self) -> datetime:
        return self.anchor_business + (datetime.now(UTC) - self.anchor_real) * self.speed

    def real_seconds(self, business: timedelta) -> float:
        return max(0.0, business.total_seconds() / self.speed)

    async def sleep(self, business: timedelta) -> None:
        await asyncio.sleep(self.real_seconds(business))

    async def sleep_until(self, business: datetime) -> None:
        await self.sleep(business - self.now())

    def env(self) -> dict[str, str]:
        """The settings that give every process this clock."""
        return {
            "GERAI_CLOCK_ANCHOR_REAL": self.anchor_real.isoformat(),
            "GERAI_CLOCK_ANCHOR_BUSINESS": self.anchor_business.isoformat(),
            "GERAI_CLOCK_SPEED": str(self.speed),
        }
