"""What notification wants to know: everything that a rule may be about."""

from datetime import datetime

from gerai.contracts.event import Envelope, Event
from gerai.contracts.language import events_of
from gerai.contracts.queue import TICKETS
from gerai.messaging.command import command
from gerai.messaging.consumer import Handler, Subscription
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.use_cases.sending import Sending
from gerai.notification.use_cases.when_event_happened_tell import (
    what_telling_needs,
    when_event_happened_tell,
)
from gerai.register.kept_entries import register_subscription

TOLD_OF = (TICKETS,)


def subscriptions(sending: Sending) -> list[Subscription]:
    @command(needs=what_telling_needs)
    async def tell(event: Event, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        await when_event_happened_tell(event, envelope, uow=uow, at=at, sending=sending)

    handlers: dict[type[Event], Handler] = {event: tell for topic in TOLD_OF for event in events_of(topic)}
    return [
        register_subscription("notification.register"),
        Subscription(group="notification.tell", handlers=handlers),
    ]
