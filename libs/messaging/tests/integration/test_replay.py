"""Replay on a real broker: one group gets records again, nobody else does, and nothing happens twice."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from messaging_builders import UnableToFill
from messaging_ground import Side, dead_letters, note, own_topic, read_all, running, sides, unique
from tests.eventually import eventually

from gerai.contracts.event import Envelope, Topic
from gerai.contracts.hourly import HourCounted
from gerai.messaging.dead_letters import group_topics, replay_topic
from gerai.messaging.kafka import topics
from gerai.messaging.mongo.driver import Driver
from gerai.messaging.replay import Extent, replay, replay_dead_letters
from gerai.messaging.unit_of_work import UnitOfWork


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    made = own_topic()
    monkeypatch.setattr(HourCounted, "topic", made)
    return made


@pytest.fixture
async def three(
    mongodb_uri: str, kafka_bootstrap: str, driver: Driver, topic: Topic
) -> AsyncIterator[list[Side]]:
    async with sides(mongodb_uri, kafka_bootstrap, driver, topic, count=3) as made:
        yield made


class TestReplay:
    async def test_repaired_dead_letters_take_effect_once_and_only_in_their_group(
        self, three: list[Side]
    ) -> None:
        here, faulty, other = three
        repaired = False
        told: list[tuple[str, int, str | None]] = []

        async def fails(event: HourCounted, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
            if envelope.subject == "jar-1" and not repaired:
                raise UnableToFill("full")
            told.append((envelope.subject, envelope.sequence, envelope.replayed_for))
            await note(event, envelope, uow=uow, at=at)

        loops = (here.relay(), faulty.relay(), faulty.subscriber(fails), other.subscriber())
        async with running(*loops):
            last = await here.fill(jars=3, times=3)
            await other.expect_pages(last)
            await faulty.expect_pages({"jar-0": 3, "jar-2": 3})
            await dead_letters(faulty, count=3)
            repaired = True
            told.clear()
            for _ in range(2):
                assert await replay_dead_letters(faulty.bootstrap, group=faulty.group) == 3
            await faulty.expect_pages(last)
            await other.expect_pages(last)
        assert {(*one, faulty.group) for one in [("jar-1", 1), ("jar-1", 2), ("jar-1", 3)]} == set(told)
        again = await read_all(faulty.bootstrap, replay_topic(faulty.group).name)
        assert not [name for one in again for name, _ in one.headers if name.startswith("dead_")]

    async def test_a_new_group_gets_the_part_of_a_topic_that_was_asked_for(
        self, three: list[Side], topic: Topic
    ) -> None:
        here, there, _ = three
        async with running(here.relay()):
            await here.fill(jars=4, times=2)
            await eventually(here.pending, lambda left: left == 0, because="all were sent", within=60)
        group = unique("test.late")
        await topics.ensure(there.bootstrap, group_topics(group), create=True)
        extent = Extent(key=b"jar-2")
        assert await replay(there.bootstrap, group=group, topic=topic.name, extent=extent) == 2
        (first, second) = await read_all(there.bootstrap, replay_topic(group).name)
        sent = {record.headers for record in await read_all(there.bootstrap, topic.name)}
        for record in (first, second):
            assert record.key == b"jar-2"
            assert ("ce_replayedfor", group.encode()) in record.headers
            assert record.headers[:-1] in sent
        nothing = Extent(since=datetime.fromisoformat("2200-01-01T00:00:00+00:00"))
        assert await replay(there.bootstrap, group=group, topic=topic.name, extent=nothing) == 0
