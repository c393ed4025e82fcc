"""The relay on twins: nothing lost, nothing overtaking, whatever the broker does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from messaging_builders import Jar, context, sample
from messaging_clock import Clock, Freezing

from gerai.chassis.testing import eventually
from gerai.messaging import lease as lease_module
from gerai.messaging import relay as relaying_module
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.kafka.publisher import KafkaPublisher
from gerai.messaging.lease import LeaseLost
from gerai.messaging.memory.relaying import MemoryBroker, MemoryLease, MemoryLeases, MemoryOutbox
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.outbox import Pending, Published
from gerai.messaging.relay import Relay
from gerai.messaging.unit_of_work import UnitOfWork

TOPIC = "test.jars"


async def committed(storage: MemoryStorage, *, jars: int, fills: int) -> None:
    async def fill(uow: UnitOfWork, id: str) -> None:
        jar = await uow.find(Jar, id)
        if jar is None:
            jar = Jar(id=id, tenant="muna-barat", room=1_000)
            uow.add(jar)
        jar.fill()

    async with GroupCommit(storage, source="test") as commit:
        for _ in range(fills):
            for number in range(jars):
                await commit.execute(lambda uow, id=f"j{number}": fill(uow, id), context=context())


@asynccontextmanager
async def relaying(outbox: MemoryOutbox, broker: MemoryBroker, lease: MemoryLease) -> AsyncIterator[Relay]:
    relay = Relay(outbox, broker.connect, lease)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait([task])


def versions(broker: MemoryBroker, topic: str = TOPIC) -> dict[bytes | None, list[int]]:
    found: dict[bytes | None, list[int]] = {}
    for record in broker.topics.get(topic, []):
        seen = found.setdefault(record.key, [])
        sequence = int(dict(record.headers)["ce_sequence"])
        if sequence not in seen:  # what is sent again is absorbed by every inbox
            seen.append(sequence)
    return found


async def drained(outbox: MemoryOutbox) -> None:
    await eventually(outbox.backlog, lambda left: left == 0, because="the backlog drains by itself")


class ReadsNotAhead(MemoryOutbox):
    """The twin, which never answers what stands beyond the rows under way."""

    async def pending(
        self, limit: int, *, beyond: Sequence[Pending] = (), resting: Collection[str] = ()
    ) -> list[Pending]:
        if beyond:
            await asyncio.Event().wait()
        return await super().pending(limit, resting=resting)


class TestRelay:
    async def test_every_committed_event_arrives_in_version_order(self) -> None:
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=5, fills=7)
        outbox = MemoryOutbox(storage)
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")):
            await drained(outbox)
        assert versions(broker) == {f"j{n}".encode(): list(range(1, 8)) for n in range(5)}

    async def test_a_broken_producer_is_thrown_away_and_nothing_is_lost(self) -> None:
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=3, fills=3)
        broker.fails, broker.acknowledges = 2, 4
        outbox, restarts = MemoryOutbox(storage), sample("gerai_relay_producer_restarts_total")
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")):
            await drained(outbox)
        assert broker.publishers == 3
        assert sample("gerai_relay_producer_restarts_total") == restarts + 2
        assert versions(broker) == {f"j{n}".encode(): [1, 2, 3] for n in range(3)}

    async def test_only_what_the_broker_refuses_for_good_is_set_aside(self) -> None:
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=2, fills=2)
        refused = storage.outbox[1].id
        broker.refuses = {refused}
        outbox, parked = MemoryOutbox(storage), sample("gerai_outbox_parked_total")
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")):
            await drained(outbox)
        assert outbox.parked == {refused: "too_large"}
        assert sample("gerai_outbox_parked_total") == parked + 1
        assert len(broker.topics[TOPIC]) == 3

    async def test_a_second_relay_stands_by_until_the_first_goes_silent(self) -> None:
        storage, broker, leases = MemoryStorage(), MemoryBroker(), MemoryLeases()
        first, second = MemoryLease(leases, "relay", "a"), MemoryLease(leases, "relay", "b")
        assert await first.hold()
        assert not await second.hold()
        await committed(storage, jars=1, fills=2)
        outbox = MemoryOutbox(storage)
        async with relaying(outbox, broker, second):
            await asyncio.sleep(0)
            assert await outbox.backlog() == 2
            leases.now = 11.0
            await drained(outbox)
        with pytest.raises(LeaseLost):
            await first.guard()

    async def test_a_relay_that_lost_its_lease_marks_nothing(self) -> None:
        storage, broker, leases = MemoryStorage(), MemoryBroker(), MemoryLeases()
        await committed(storage, jars=1, fills=2)
        outbox = MemoryOutbox(storage)
        slow, successor = MemoryLease(leases, "relay", "slow"), MemoryLease(leases, "relay", "successor")
        relay = Relay(outbox, broker.connect, slow)
        assert await slow.hold()
        rows = await outbox.pending(10)
        leases.now = 11.0
        assert await successor.hold()
        with pytest.raises(LeaseLost):
            await relay._settle(rows, Published(acknowledged=[row.id for row in rows]))
        assert await outbox.backlog() == 2

    async def test_a_relay_that_lost_its_lease_keeps_no_producer_that_may_send_late(self) -> None:
        storage, broker, leases = MemoryStorage(), MemoryBroker(), MemoryLeases()
        await committed(storage, jars=1, fills=2)
        broker.fails, broker.acknowledges = 1, 1
        freezing = Freezing(broker)

        async def connect() -> Freezing:
            return freezing

        late = asyncio.create_task(
            Relay(MemoryOutbox(storage), connect, MemoryLease(leases, "relay", "a"))._turn()
        )
        await freezing.frozen.wait()
        leases.now = 11.0
        assert await MemoryLease(leases, "relay", "b").hold()
        freezing.thaw.set()
        await late
        assert freezing.closed

    async def test_a_relay_that_was_frozen_for_longer_than_its_lease_sends_nothing_old(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        monkeypatch.setattr(lease_module, "time", clock)
        storage, broker, leases = MemoryStorage(), MemoryBroker(), MemoryLeases()
        await committed(storage, jars=1, fills=1)
        outbox, freezing = MemoryOutbox(storage), Freezing(broker)

        async def connect() -> Freezing:
            return freezing

        frozen = asyncio.create_task(Relay(outbox, connect, MemoryLease(leases, "relay", "a"))._turn())
        await freezing.frozen.wait()
        clock.now, leases.now = clock.now + 11, 11.0
        successor = Relay(outbox, broker.connect, MemoryLease(leases, "relay", "b"))
        await successor._turn()
        await committed(storage, jars=1, fills=1)
        await successor._turn()
        freezing.thaw.set()
        await frozen
        sent = [dict(record.headers)["ce_sequence"] for record in broker.topics[TOPIC]]
        assert sent == [b"1", b"2"]  # what is last on a compacted topic stays

    async def test_a_relay_that_is_told_to_stop_while_it_is_woken_stops(self) -> None:
        relay = Relay(
            MemoryOutbox(MemoryStorage()), MemoryBroker().connect, MemoryLease(MemoryLeases(), "relay", "a")
        )
        waiting = asyncio.create_task(relay._wait(60.0))
        for _ in range(3):
            await asyncio.sleep(0)
        relay.wake()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async def test_a_relay_that_is_told_to_stop_while_its_producer_breaks_stops(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relaying_module, "BATCH", 1)
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=1, fills=2)
        broker.fails, broker.acknowledges = 1, 1
        outbox = ReadsNotAhead(storage)
        relay = Relay(outbox, broker.connect, MemoryLease(MemoryLeases(), "relay", "a"))
        running = asyncio.create_task(relay.run())
        await eventually(outbox.backlog, lambda left: left == 1, because="the first is marked")
        running.cancel()
        ended, _ = await asyncio.wait([running], timeout=10)
        assert ended

    async def test_a_topic_that_cannot_be_written_rests_and_the_others_flow(self) -> None:
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=2, fills=2)
        storage.outbox[:] = [
            replace(row, topic="nowhere") if row.key == "j0" else row for row in storage.outbox
        ]
        broker.missing = {"nowhere"}
        outbox = MemoryOutbox(storage)
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")) as relay:
            await eventually(outbox.backlog, lambda left: left == 2, because="the other topic flows")
            assert broker.publishers == 1
            assert relay.progress() == {}
            broker.missing = set()
            await drained(outbox)
        assert versions(broker) == {b"j1": [1, 2]}
        assert len(broker.topics["nowhere"]) == 2

    async def test_events_of_a_topic_that_another_version_declares_wait_for_it(self) -> None:
        """In a rolling update the older relay meets them. Only what is known to be another service's is set aside."""
        storage = MemoryStorage()
        await committed(storage, jars=2, fills=1)
        new, foreign = storage.outbox
        storage.outbox[:] = [replace(new, topic="test.new"), replace(foreign, topic="other.jars")]
        outbox, rests = MemoryOutbox(storage), sample("gerai_outbox_topic_rests_total", topic="test.new")

        async def connect() -> KafkaPublisher:
            return KafkaPublisher(AIOKafkaProducer(), topics={TOPIC}, is_foreign="other.jars".__eq__)

        relay = Relay(outbox, connect, MemoryLease(MemoryLeases(), "relay", "old"))
        await relay._turn()
        await relay._give_up()
        assert outbox.parked == {foreign.id: "foreign_topic"}
        assert [row.id for row in await outbox.pending(10)] == [new.id]
        assert sample("gerai_outbox_topic_rests_total", topic="test.new") == rests + 1

    async def test_rows_leave_in_order_over_many_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(relaying_module, "BATCH", 3)
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=2, fills=10)
        broker.fails, broker.acknowledges = 1, 2
        outbox = MemoryOutbox(storage)
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")):
            await drained(outbox)
        assert versions(broker) == {f"j{n}".encode(): list(range(1, 11)) for n in range(2)}
        assert len(broker.topics[TOPIC]) == 20

    async def test_what_is_seen_late_leaves_before_its_successors(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A row has its position before others see it: it may come to stand before a batch that is under way."""
        monkeypatch.setattr(relaying_module, "BATCH", 2)
        storage = MemoryStorage()
        await committed(storage, jars=2, fills=4)
        late = [row for row in storage.outbox if row.key == "j0"]
        storage.outbox[:] = [row for row in storage.outbox if row.key != "j0"]

        class Meanwhile(MemoryBroker):
            async def publish(self, rows: Sequence[Pending], *, left: Callable[[], float]) -> Published:
                storage.outbox.extend(late)
                late.clear()
                return await super().publish(rows, left=left)

        broker, outbox = Meanwhile(), MemoryOutbox(storage)
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")):
            await drained(outbox)
        assert versions(broker) == {f"j{n}".encode(): [1, 2, 3, 4] for n in range(2)}
        assert len(broker.topics[TOPIC]) == 8

    async def test_a_topic_that_rests_no_more_goes_on_from_its_first_row(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its rest may end while a batch without its rows is under way."""
        monkeypatch.setattr(relaying_module, "BATCH", 2)
        storage, broker = MemoryStorage(), MemoryBroker()
        await committed(storage, jars=2, fills=4)
        storage.outbox[:] = [
            replace(row, topic="rested") if row.key == "j0" else row for row in storage.outbox
        ]
        outbox, rests = MemoryOutbox(storage), [["rested"]]
        async with relaying(outbox, broker, MemoryLease(MemoryLeases(), "relay", "a")) as relay:
            monkeypatch.setattr(relay._resting, "topics", lambda: rests.pop() if rests else [])
            await drained(outbox)
        assert versions(broker, "rested") == {b"j0": [1, 2, 3, 4]}
        assert versions(broker) == {b"j1": [1, 2, 3, 4]}
