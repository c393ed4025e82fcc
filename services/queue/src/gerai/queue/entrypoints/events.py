"""What the queue wants to know from others: the register."""

from gerai.contracts import registry
from gerai.messaging.consumer import Subscription
from gerai.queue.use_cases.when_register_changed_keep_replica import keep_replica, needs_of

ENTRIES = (
    registry.SiteChanged,
    registry.InstitutionChanged,
    registry.CounterChanged,
    registry.DeskChanged,
    registry.ServiceChanged,
    registry.CalendarChanged,
)


def subscriptions() -> list[Subscription]:
    return [
        Subscription(group="queue.register", handlers=dict.fromkeys(ENTRIES, keep_replica), needs=needs_of)
    ]
