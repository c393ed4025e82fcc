"""A consumer on twins, with faults that a test plants."""

from datetime import UTC, datetime, timedelta
from typing import Any

from messaging_builders import JARS, NOON, Jar, JarFilled

from gerai.contracts.event import Envelope
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import MemoryParkedRecords
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.parking import Parking
from gerai.messaging.unit_of_work import UnitOfWork

GROUP = "test.fill"
OURS = {JARS.name: [0]}


class Shelf:
    """A consumer that fills a jar for each event, with faults that a test plants per key."""

    def __init__(self, commit: GroupCommit, storage: MemoryStorage) -> None:
        self.storage = storage
        self.faults: dict[str, list[Exception]] = {}
        """Raised by both runs of a try: what fails in the first is not believed before everything was read afresh."""
        self.believed: set[str] = set()
        self.seen: list[tuple[str, int]] = []
        self.commit = commit
        self.consumer = self.another()

    def another(self, **rest: Any) -> Consumer:
        """The same group in another process."""
        subscription = Subscription(group=GROUP, handlers={JarFilled: self.fill}, **rest)
        parking = Parking(GROUP, MemoryParkedRecords(self.storage))
        return Consumer(subscription, commit=self.commit, parking=parking, now=lambda: NOON)

    async def fill(self, event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
        if planted := self.faults.get(envelope.subject):
            self.believed ^= {envelope.subject}
            raise planted[0] if envelope.subject in self.believed else planted.pop(0)
        jar = await uow.find(Jar, envelope.subject)
        if jar is None:
            jar = Jar(id=envelope.subject, tenant=event.tenant, room=1_000)
            uow.add(jar)
        jar.fill()
        self.seen.append((envelope.subject, envelope.sequence))

    def filled(self) -> dict[str, int]:
        return {id: jar.filled for id, jar in self.storage.aggregates[Jar].items()}  # type: ignore[attr-defined]

    def dead(self) -> list[dict[str, Any]]:
        return [
            {"reason": row.headers["dead_reason"], "body": row.body, "headers": row.headers}
            for row in self.storage.outbox
            if row.type == "dead-letter"
        ]


def later(hours: int = 1) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)
