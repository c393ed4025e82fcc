"""What the queue wants to know from others: the register."""

from gerai.contracts import registry
from gerai.contracts.event import Event
from gerai.messaging.consumer import Handler, Subscription
from gerai.queue.use_cases.when_register_changed_keep_replica import (
    what_keeping_needs,
    when_register_changed_keep_replica,
)

ENTRIES = (
    registry.SiteChanged,
    registry.InstitutionChanged,
    registry.CounterChanged,
    registry.DeskChanged,
    registry.ServiceChanged,
    registry.CalendarChanged,
)


def subscriptions() -> list[Subscription]:
    handlers: dict[type[Event], Handler] = dict.fromkeys(ENTRIES, when_register_changed_keep_replica)
    return [Subscription(group="queue.register", handlers=handlers, needs=what_keeping_needs)]
