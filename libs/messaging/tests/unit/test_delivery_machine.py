"""Outbox to inbox as a state machine: whatever fails, in whatever order, each effect happens exactly once.

Commands commit, the relay sends (and breaks half-way), records are delivered twice and late, the consumer
dies before its offset is kept. At the end everything is drained and must agree.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from messaging_builders import NOON, Jar, context

from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import (
    MemoryBroker,
    MemoryLease,
    MemoryLeases,
    MemoryOutbox,
    MemoryParkedRecords,
)
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.parking import Parking
from gerai.messaging.relay import Relay
from gerai.messaging.unit_of_work import UnitOfWork

TOPIC = "hourly.hours"
JARS = ("a", "b", "c")


class Delivery(RuleBasedStateMachine):
    """Side by side: what was acknowledged to callers, and what the other service made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.here, self.there = MemoryStorage(), MemoryStorage()
        self.broker = MemoryBroker()
        self.outbox = MemoryOutbox(self.here)
        self.acknowledged = dict.fromkeys(JARS, 0)
        self.offset = 0

    def teardown(self) -> None:
        self.run(self.drain())
        assert self.effects() == self.acknowledged
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    @rule(jar=st.sampled_from(JARS), times=st.integers(1, 4))
    def commands_commit(self, jar: str, times: int) -> None:
        self.run(self.fill(jar, times))
        self.acknowledged[jar] += times

    @rule(breaks=st.booleans(), acknowledges=st.integers(0, 3))
    def relay_sends(self, breaks: bool, acknowledges: int) -> None:
        self.broker.fails, self.broker.acknowledges = int(breaks), acknowledges
        self.run(self.relay_once())

    @rule()
    def marks_are_lost(self) -> None:
        """The relay dies between Kafka's acknowledgement and the mark: the last row goes out again."""
        if self.outbox.done:
            self.outbox.done.discard(max(self.outbox.done))

    @rule(count=st.integers(1, 6), dies=st.booleans())
    def consumer_polls(self, count: int, dies: bool) -> None:
        self.run(self.consume(count, keeps_offset=not dies))

    @rule(back=st.integers(1, 5))
    def rebalance_goes_back(self, back: int) -> None:
        self.offset = max(0, self.offset - back)

    @invariant()
    def nobody_hears_more_than_was_said(self) -> None:
        for jar, seen in self.effects().items():
            assert seen <= self.acknowledged[jar]

    @invariant()
    def first_deliveries_are_in_version_order(self) -> None:
        seen: dict[bytes | None, list[int]] = {}
        for record in self.broker.topics.get(TOPIC, []):
            versions = seen.setdefault(record.key, [])
            version = int(dict(record.headers)["ce_sequence"])
            if version not in versions:
                versions.append(version)
        assert all(versions == sorted(versions) for versions in seen.values())

    def effects(self) -> dict[str, int]:
        jars = self.there.aggregates[Jar]
        return {jar: jars[jar].filled if jar in jars else 0 for jar in JARS}  # type: ignore[attr-defined]

    async def fill(self, id: str, times: int) -> None:
        async def command(uow: UnitOfWork) -> None:
            await fill_one(id, uow)

        async with GroupCommit(self.here, source="here") as commit:
            await asyncio.gather(*(commit.execute(command, context=context()) for _ in range(times)))

    async def relay_once(self) -> None:
        relay = Relay(self.outbox, self.broker.connect, MemoryLease(MemoryLeases(), "relay", "a"))
        try:
            await relay._turn()
        except ConnectionError:
            return  # the producer broke; the next turn reads the outbox again

    async def consume(self, count: int, *, keeps_offset: bool) -> None:
        async def react(event: HourCounted, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
            await fill_one(envelope.subject, uow)

        async with GroupCommit(self.there, source="there") as commit:
            parking = Parking("g", MemoryParkedRecords(self.there))
            subscription = Subscription(group="g", handlers={HourCounted: react})
            consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: NOON)
            records = self.broker.topics.get(TOPIC, [])[self.offset : self.offset + count]
            await consumer.handle(records)
        if keeps_offset:
            self.offset += len(records)

    async def drain(self) -> None:
        self.broker.fails = 0
        while await self.outbox.backlog():
            await self.relay_once()
        await self.consume(10_000, keeps_offset=True)


async def fill_one(id: str, uow: UnitOfWork) -> None:
    jar = await uow.find(Jar, id)
    if jar is None:
        jar = Jar(id=id, tenant="muna-barat", room=1_000_000)
        uow.add(jar)
    jar.fill()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
