"""The delivery machine on twins: thousands of histories in seconds."""

from delivery_machine import Delivery
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from gerai.messaging.memory.relaying import (
    MemoryBroker,
    MemoryLease,
    MemoryLeases,
    MemoryOutbox,
    MemoryParkedRecords,
)
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.outbox import Publisher
from gerai.messaging.record import Record

TOPIC = "test.jars"


class Twins:
    """Implements `Ground`."""

    def __init__(self) -> None:
        self.here, self.there = MemoryStorage(), MemoryStorage()
        self.outbox = MemoryOutbox(self.here)
        self.parked = MemoryParkedRecords(self.there)
        self.broker = MemoryBroker()

    async def begin(self) -> None:
        return None

    async def end(self) -> None:
        return None

    def lease(self) -> MemoryLease:
        return MemoryLease(MemoryLeases(), "relay", "a")

    async def connect(self) -> Publisher:
        return await self.broker.connect()

    async def records(self, first: int) -> list[Record]:
        return self.broker.topics.get(TOPIC, [])[first:]

    async def poison(self, key: bytes, value: bytes) -> None:
        log = self.broker.topics.setdefault(TOPIC, [])
        log.append(Record(topic=TOPIC, partition=0, offset=len(log), key=key, value=value, headers=()))

    async def lose_a_mark(self) -> None:
        if self.outbox.done:
            self.outbox.done.discard(max(self.outbox.done))

    async def dead(self) -> list[bytes]:
        return [row.body for row in self.there.outbox if row.type == "dead-letter"]


def test_each_effect_happens_once_whatever_fails() -> None:
    run_state_machine_as_test(  # it asserts by itself
        lambda: Delivery(Twins()), settings=settings(max_examples=100, stateful_step_count=40, deadline=None)
    )
