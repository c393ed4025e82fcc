"""A row of the bench's table, and the goals of all rows."""

from dataclasses import dataclass
from typing import Any

AT_LEAST = {
    "issue_29": 1.0,
    "issue_1": 1.0,
    "call_next_29": 0.8,
    "consume_effect": 3.0,
    "jobs": 1.0,
}
AT_MOST = {
    "issue_latency_c1": 2.0,
    "commit_to_consumer_p99": 250.0,
    "call_to_feed_p95": 100.0,
    "relay_100k": 20.0,
    "warm_start": 20.0,
    "working_days": 20.0,
    "deadline_us": 50.0,
    "upload_memory": 20.0,
    "rss": 120.0,
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`id` is one that has a goal; `detail` says what was measured and where the time went."""

    id: str
    value: float
    unit: str
    detail: str = ""

    @property
    def holds(self) -> bool:
        if self.id in AT_LEAST:
            return self.value >= AT_LEAST[self.id]
        return self.value <= AT_MOST[self.id]

    @property
    def goal(self) -> str:
        return f"≥ {AT_LEAST[self.id]:g}" if self.id in AT_LEAST else f"≤ {AT_MOST[self.id]:g}"

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "value": round(self.value, 3),
            "unit": self.unit,
            "goal": self.goal,
            "holds": self.holds,
            "detail": self.detail,
        }
