"""A relay that comes back late, on real MongoDB and Kafka: what its successor sent last stays last."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from messaging_builders import JarFilled
from messaging_clock import Freezing
from messaging_ground import Side, own_topic, read_all, running, sides
from tests.parts import Broker

from gerai.chassis.testing import eventually
from gerai.contracts.event import Topic
from gerai.messaging.kafka import publisher
from gerai.messaging.mongo.driver import Driver
from gerai.messaging.mongo.outbox import MongoOutbox


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    made = own_topic(partitions=1)
    monkeypatch.setattr(JarFilled, "topic", made)
    return made


@pytest.fixture
async def side(mongodb_uri: str, broker: Broker, driver: Driver, topic: Topic) -> AsyncIterator[Side]:
    async with sides(mongodb_uri, broker.bootstrap, driver, topic, count=1) as (made,):
        yield made


async def sent(side: Side, topic: Topic) -> list[int]:
    """The versions on the topic, in the order of their arrival."""
    records = await read_all(side.bootstrap, topic.name)
    return [int(dict(record.headers)["ce_sequence"]) for record in records]


class TestFrozenRelay:
    async def test_its_successors_last_record_stays_the_last(self, side: Side, topic: Topic) -> None:
        """As on a compacted topic, which keeps nothing else."""
        freezing = Freezing(await side.publisher())

        async def connect() -> Freezing:
            return freezing

        frozen = side.relay(lease_s=1.0, connect=connect)
        await side.fill(jars=1, times=1)
        turn = asyncio.create_task(frozen._turn())
        await freezing.frozen.wait()
        async with running(side.relay()):
            await eventually(side.pending, lambda left: left == 0, because="the successor sends", within=60)
            await side.fill(jars=1, times=1)
            await eventually(side.pending, lambda left: left == 0, because="the successor sends on")
        freezing.thaw.set()
        await turn
        await freezing.close()
        assert await sent(side, topic) == [1, 2]


class TestTimeLeft:
    async def test_a_batch_goes_on_for_as_long_as_nobody_else_sends(
        self, side: Side, topic: Topic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Row by row here: before the third the time is over."""
        monkeypatch.setattr(publisher, "BATCH_BYTES", 1)
        await side.fill(jars=1, times=5)
        rows = await MongoOutbox(side.database).pending(10)
        left = iter([10.0, 10.0, 10.0, 10.0, -1.0])
        sending = await side.publisher()
        result = await sending.publish(rows, left=lambda: next(left))
        assert result.acknowledged == [row.id for row in rows[:2]]
        assert not result.broken
        assert await sent(side, topic) == [1, 2]
        again = await sending.publish(rows[2:], left=lambda: 10.0)
        await sending.close()
        assert again.acknowledged == [row.id for row in rows[2:]]

    async def test_what_is_under_way_is_given_up_in_time_and_not_sent_again(
        self, side: Side, broker: Broker
    ) -> None:
        await side.fill(jars=1, times=1)
        rows = await MongoOutbox(side.database).pending(10)
        sending = await side.publisher()
        await sending.publish(rows, left=lambda: 10.0)
        broker.freeze()
        try:
            async with asyncio.timeout(publisher.SEND_S / 2):
                late = await sending.publish(rows, left=lambda: 0.5)
                while late.acknowledged:  # the broker goes on for a moment after it was stopped
                    late = await sending.publish(rows, left=lambda: 0.5)
        finally:
            broker.thaw()
        assert late.broken
        again = await sending.publish(rows, left=lambda: 10.0)
        await sending.close()
        assert (again.acknowledged, again.broken) == ([], True)
