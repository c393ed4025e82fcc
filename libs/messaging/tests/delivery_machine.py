"""Outbox to inbox as a state machine: whatever fails, in whatever order, each effect happens exactly once.

Commands commit, the relay sends (and breaks half-way), marks are lost, records are delivered twice and late, keys
have to wait, strangers send poison, the consumer dies before its offset is kept. At the end everything is drained
and must agree: one effect for each version, in order, nothing parked, and the dead letters are exactly the poison.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from messaging_builders import NOON, Jar, JarFilled, context
from messaging_ground import Page, note
from pymongo.errors import AutoReconnect

from gerai.contracts.event import Envelope
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.lease import Lease, LeaseLost
from gerai.messaging.outbox import Outbox, Pending, Published, Publisher
from gerai.messaging.outcomes import Park
from gerai.messaging.parking import ParkedRecords, Parking
from gerai.messaging.record import Record
from gerai.messaging.relay import Relay
from gerai.messaging.storage import Contended, KeyTaken, Storage
from gerai.messaging.unit_of_work import UnitOfWork

JARS = ("a", "b", "c")
FAILURES: Mapping[str, Callable[[], Exception]] = {
    "away": lambda: AutoReconnect("planted"),
    "contended": lambda: Contended("planted"),
    "refused": lambda: KeyTaken("outbox", "event"),
}
GROUP = "g"


class Ground(Protocol):
    """Where the machine runs: twins, or the real parts."""

    here: Storage
    there: Storage
    outbox: Outbox
    parked: ParkedRecords

    async def begin(self) -> None: ...

    async def end(self) -> None: ...

    def lease(self) -> Lease: ...

    async def connect(self) -> Publisher: ...

    async def records(self, first: int) -> list[Record]:
        """What the topic holds, from an offset on."""
        ...

    async def poison(self, key: bytes, value: bytes) -> None: ...

    async def lose_a_mark(self) -> None:
        """As when the relay dies between Kafka's acknowledgement and the mark: a row goes out again."""
        ...

    async def dead(self) -> list[bytes]:
        """The bodies of the dead letters in the other side's outbox."""
        ...


@dataclass
class Faulty:
    """A publisher that gets only so many rows through before it breaks, once."""

    inner: Publisher
    lets_through: int | None = None
    closed: bool = field(default=False)

    async def publish(self, rows: Sequence[Pending], *, left: Callable[[], float]) -> Published:
        if self.lets_through is None:
            return await self.inner.publish(rows, left=left)
        through, self.lets_through = rows[: self.lets_through], None
        sent = await self.inner.publish(through, left=left) if through else Published(acknowledged=())
        return Published(acknowledged=sent.acknowledged, refused=sent.refused, broken=True)

    async def close(self) -> None:
        await self.inner.close()


class Delivery(RuleBasedStateMachine):
    """Side by side: what was acknowledged to callers, and what the other service made of it."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.ground = ground
        self.acknowledged = dict.fromkeys(JARS, 0)
        self.waiting: set[str] = set()
        self.failing: dict[str, list[Exception]] = {}
        self.sent_poison: list[bytes] = []
        self.offset = 0
        self.run(ground.begin())

    def teardown(self) -> None:
        try:
            self.run(self.drain())
            self.run(self.must_agree())
        finally:
            self.run(self.ground.end())
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    @rule(jar=st.sampled_from(JARS), times=st.integers(1, 4))
    def commands_commit(self, jar: str, times: int) -> None:
        self.run(self.fill(jar, times))
        self.acknowledged[jar] += times

    @rule(lets_through=st.none() | st.integers(0, 3))
    def relay_sends(self, lets_through: int | None) -> None:
        self.run(self.relay_once(lets_through))

    @rule()
    def a_mark_is_lost(self) -> None:
        self.run(self.ground.lose_a_mark())

    @rule(count=st.integers(1, 6), dies=st.booleans())
    def consumer_polls(self, count: int, dies: bool) -> None:
        self.run(self.consume(count, keeps_offset=not dies))

    @rule(back=st.integers(1, 5))
    def rebalance_goes_back(self, back: int) -> None:
        self.offset = max(0, self.offset - back)

    @rule(jar=st.sampled_from(JARS))
    def a_key_has_to_wait(self, jar: str) -> None:
        self.waiting.add(jar)

    @rule(jar=st.sampled_from(JARS))
    def a_key_waits_no_more(self, jar: str) -> None:
        self.waiting.discard(jar)

    @rule(jar=st.sampled_from(JARS), count=st.integers(1, 6))
    def a_key_waits_for_one_poll(self, jar: str, count: int) -> None:
        self.waiting.add(jar)
        self.run(self.consume(count, keeps_offset=True))
        self.waiting.discard(jar)

    @rule(jar=st.sampled_from(JARS), failure=st.sampled_from(sorted(FAILURES)), count=st.integers(1, 6))
    def the_store_fails_a_key_for_one_poll(self, jar: str, failure: str, count: int) -> None:
        self.failing = {jar: [FAILURES[failure]()] * (3 if failure == "contended" else 1)}
        self.run(self.consume(count, keeps_offset=True))
        self.failing = {}

    @rule()
    def parked_records_are_tried(self) -> None:
        self.run(self.consume(0, keeps_offset=True, tries_parked=True))

    @rule(jar=st.sampled_from(JARS))
    def a_stranger_sends_poison(self, jar: str) -> None:
        value = f"poison {len(self.sent_poison)}".encode()
        self.sent_poison.append(value)
        self.run(self.ground.poison(jar.encode(), value))

    @invariant()
    def nobody_hears_more_than_was_said_nor_in_another_order(self) -> None:
        self.run(self.must_be_prefixes())

    async def must_be_prefixes(self) -> None:
        for jar, versions in (await self.effects()).items():
            assert versions == tuple(range(1, len(versions) + 1))
            assert len(versions) <= self.acknowledged[jar]

    async def must_agree(self) -> None:
        wanted = {jar: tuple(range(1, last + 1)) for jar, last in self.acknowledged.items()}
        assert await self.effects() == wanted
        assert await self.ground.parked.lanes(GROUP) == {}
        assert sorted(await self.ground.dead()) == sorted(self.sent_poison)

    async def effects(self) -> dict[str, tuple[int, ...]]:
        found = {page.id: page for page in await self.ground.there.fetch({Page: JARS})}
        return {jar: found[jar].versions if jar in found else () for jar in JARS}  # type: ignore[attr-defined]

    async def fill(self, id: str, times: int) -> None:
        async def command(uow: UnitOfWork) -> None:
            jar = await uow.find(Jar, id)
            if jar is None:
                jar = Jar(id=id, tenant="muna-barat", room=1_000_000)
                uow.add(jar)
            jar.fill()

        async with GroupCommit(self.ground.here, source="/gerai/test") as commit:
            await asyncio.gather(*(commit.execute(command, context=context()) for _ in range(times)))

    async def relay_once(self, lets_through: int | None) -> None:
        async def connect() -> Publisher:
            return Faulty(await self.ground.connect(), lets_through)

        lease = self.ground.lease()
        relay = Relay(self.ground.outbox, connect, lease)
        try:
            await relay._turn()
        except (ConnectionError, LeaseLost):
            return  # the producer broke; the next turn reads the outbox again
        finally:
            await relay._give_up()

    async def consume(self, count: int, *, keeps_offset: bool, tries_parked: bool = False) -> None:
        async def react(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
            if envelope.subject in self.waiting:
                raise Park("not yet")
            if errors := self.failing.get(envelope.subject):
                raise errors.pop()
            await note(event, envelope, uow=uow, at=at)

        async with GroupCommit(self.ground.there, source="there") as commit:
            subscription = Subscription(group=GROUP, handlers={JarFilled: react})
            parking = Parking(GROUP, self.ground.parked)
            consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: NOON)
            await consumer.load_parked()
            if tries_parked:
                soon = datetime.now(UTC) + timedelta(hours=1)
                everything = {JarFilled.topic.name: range(JarFilled.topic.partitions)}
                await consumer.retry_parked(owned=everything, now=soon)
            records = (await self.ground.records(self.offset))[:count]
            await consumer.handle(records)
        if keeps_offset:
            self.offset += len(records)

    async def drain(self) -> None:
        self.waiting.clear()
        while await self.ground.outbox.backlog():
            await self.relay_once(None)
        await self.consume(100_000, keeps_offset=True)
        while await self.ground.parked.lanes(GROUP):
            await self.consume(0, keeps_offset=True, tries_parked=True)
