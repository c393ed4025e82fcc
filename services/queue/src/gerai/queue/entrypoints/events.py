"""What the queue wants to know from others: the register."""

from gerai.messaging.consumer import Subscription
from gerai.register.kept_entries import register_subscription


def subscriptions() -> list[Subscription]:
    return [register_subscription("queue.register")]
