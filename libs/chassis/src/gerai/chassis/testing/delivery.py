"""Events as they come from a topic, and what a service makes of them, without Kafka."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from gerai.contracts.codec import encode
from gerai.contracts.event import Envelope, Event
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import MemoryParkedRecords
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.parking import Parking
from gerai.messaging.record import Record


def envelope(event: Event, *, at: datetime, sequence: int = 1) -> Envelope:
    """The event as its owner says it: under the next free id, as the `sequence`-th of its aggregate."""
    return Envelope(
        id=uuid.uuid4(),
        source=event.topic.source,
        subject=event.aggregate_id(),
        sequence=sequence,
        time=at,
        correlation_id="test",
        causation_id=None,
        event=event,
    )


def record(told: Envelope, *, offset: int = 0) -> Record:
    """What lies on the event's topic."""
    key, value, headers = encode(told)
    topic = told.event.topic.name
    return Record(topic=topic, partition=0, offset=offset, key=key, value=value, headers=tuple(headers))


async def deliver(
    subscription: Subscription,
    told: Sequence[Envelope],
    *,
    storage: MemoryStorage,
    commit: GroupCommit,
    at: datetime,
) -> None:
    """One poll of the subscription's consumer, with its inbox: all of it has come to an outcome when this returns."""
    parking = Parking(subscription.group, MemoryParkedRecords(storage))
    consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: at)
    await consumer.handle([record(one, offset=offset) for offset, one in enumerate(told)])
