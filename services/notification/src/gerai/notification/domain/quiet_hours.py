"""When people are left alone: nothing that can wait is sent at night, by the site's own clock."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """From `begins` to `ends`, local time; the end may lie on the next day. Equal: there are none."""

    begins: time
    ends: time
    zone: ZoneInfo

    def end_after(self, at: datetime) -> datetime | None:
        """When the quiet hours end that `at` lies in; None: it lies in none. In the zone of `at`."""
        local = at.astimezone(self.zone)
        now = local.time()
        if self.begins <= self.ends:
            if not self.begins <= now < self.ends:
                return None
            day = local.date()
        elif now >= self.begins:
            day = local.date() + timedelta(days=1)
        elif now < self.ends:
            day = local.date()
        else:
            return None
        return datetime.combine(day, self.ends, tzinfo=self.zone).astimezone(at.tzinfo)
