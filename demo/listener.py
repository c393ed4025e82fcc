"""A subscriber of the demo's own: it reads every topic from Kafka, as a second institution would."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer

from gerai.contracts import language
from gerai.contracts.codec import decode
from gerai.contracts.event import Envelope
from local import services

BATCH = 500
POLL_MS = 200


@dataclass
class Published:
    """What Kafka delivered: each event once, by id, and whether each aggregate's versions came in order."""

    deliveries: int = 0
    ids: set[str] = field(default_factory=set)
    out_of_order: set[str] = field(default_factory=set)
    """Subjects for which a version came after a later one."""
    _newest: dict[str, int] = field(default_factory=dict)

    def take(self, envelope: Envelope) -> bool:
        """False: this event was delivered before."""
        self.deliveries += 1
        id = str(envelope.id)
        if id in self.ids:
            return False
        self.ids.add(id)
        # Only within a topic: an institution's warning travels on another one than its changes.
        subject = f"{envelope.event.topic.name}:{envelope.subject}"
        if envelope.sequence <= self._newest.get(subject, 0):
            self.out_of_order.add(subject)
        self._newest[subject] = max(envelope.sequence, self._newest.get(subject, 0))
        return True


def topics() -> list[str]:
    """Every topic of the published language whose owner is a service of this checkout."""
    owners = services.names()
    return [topic.name for topic in language.topics() if topic.owner in owners]


async def listen(
    bootstrap: str, names: Sequence[str], published: Published, told: Callable[[Envelope], None]
) -> None:
    """Until cancelled. `told` sees each event once."""
    consumer = AIOKafkaConsumer(
        *names, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)
            for record in (record for batch in batches.values() for record in batch):
                envelope = decode(record.key, record.value, record.headers)
                if published.take(envelope):
                    told(envelope)
    finally:
        await consumer.stop()
