"""What a site decides for itself about calling, missing and the end of the day."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind


class Overnight(StrEnum):
    """What becomes of the queue when the day is over."""

    END = "end"
    KEEP = "keep"


class RangeEnd(StrEnum):
    """What happens when the last number of a range is given. Starting again is no choice: no number comes twice."""

    REFUSE = "refuse"
    EXTEND = "extend"


class DisplayZone(BaseModel):
    """Counters whose calls are shown and heard together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    counter_ids: tuple[str, ...] = Field(max_length=200)


class Rules(BaseModel):
    """All with defaults that suit a small mall."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recall_limit: int = Field(default=3, ge=1, le=10)
    """So many calls before a no-show may be noted."""
    recall_gap_seconds: int = Field(default=30, ge=0, le=600)
    """A call counts only so long after the one before: three calls in five seconds are one."""
    grace_seconds: int = Field(default=180, ge=0, le=3_600)
    """So long after the first call a no-show may be noted, however few calls there were."""
    reinstate_minutes: int = Field(default=10, ge=0, le=240)
    """So long after the last call who missed it may come back into the line, once."""
    guard_minutes: int = Field(default=5, ge=0, le=60)
    """So long after the last call nobody who went back into the line is called again."""
    priority_in_a_row: int = Field(default=3, ge=1, le=20)
    """At most so many priority calls in a row while somebody else waits."""
    near_front: int = Field(default=3, ge=0, le=10)
    """Visitors are told when so many people are before them."""
    range_end: RangeEnd = RangeEnd.EXTEND
    overnight: Overnight = Overnight.END
    end_after_closing_minutes: int = Field(default=60, ge=0, le=600)
    """People with a number are still served after closing; so long after it the queue is ended."""
    end_called_and_held: bool = True
    """The end of the day also ends tickets that were called or held. What waits for its pickup is never ended."""
    zones: tuple[DisplayZone, ...] = Field(default=(), max_length=20)

    def zone_of(self, counter_id: str) -> str:
        return next((zone.name for zone in self.zones if counter_id in zone.counter_ids), "main")


DEFAULTS = Rules()


class UnableToChangeRules(Refusal):
    """The rules were changed by somebody else since they were read."""

    kind = RefusalKind.STALE
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "stale_version": LocalizedText(
            "Pengaturan sudah diubah orang lain; muat ulang lalu coba lagi.",
            "Somebody else changed the rules; read them again.",
        ),
    }
    example: ClassVar[Mapping[str, Any]] = {"field": "If-Match", "version": 8}


class SiteRules(Aggregate):
    """The rules of one site; its id is the site's."""

    collection: ClassVar[str] = "site_rules"

    rules: Rules = DEFAULTS

    def change(self, rules: Rules, *, seen: int) -> bool:
        """False: they are what stands already, and the version stays."""
        if seen != self.version:
            raise UnableToChangeRules("stale_version", field="If-Match", version=self.version)
        if self.version > 0 and rules == self.rules:
            return False
        self.rules = rules
        return True
