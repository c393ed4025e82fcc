"""Replay on a real broker: one group gets records again, nobody else does, and nothing happens twice."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

import pytest
from messaging_builders import JarFilled, UnableToFill
from messaging_ground import Side, dead_letters, note, own_topic, read_all, running, send_raw, sides, unique

from gerai.chassis.testing import eventually
from gerai.contracts.codec import encode
from gerai.contracts.event import Envelope, Topic
from gerai.messaging.dead_letters import group_topics, replay_topic
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection
from gerai.messaging.mongo.driver import Driver
from gerai.messaging.replay import Extent, replay, replay_dead_letters
from gerai.messaging.replica import Replica
from gerai.messaging.unit_of_work import UnitOfWork


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    made = own_topic()
    monkeypatch.setattr(JarFilled, "topic", made)
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

        async def fails(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
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
                assert (
                    await replay_dead_letters(KafkaConnection(bootstrap=faulty.bootstrap), group=faulty.group)
                    == 3
                )
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
        await topics.ensure(KafkaConnection(bootstrap=there.bootstrap), group_topics(group), create=True)
        extent = Extent(key=b"jar-2")
        assert (
            await replay(
                KafkaConnection(bootstrap=there.bootstrap), group=group, topic=topic.name, extent=extent
            )
            == 2
        )
        (first, second) = await read_all(there.bootstrap, replay_topic(group).name)
        sent = {record.headers for record in await read_all(there.bootstrap, topic.name)}
        for record in (first, second):
            assert record.key == b"jar-2"
            assert ("ce_replayedfor", group.encode()) in record.headers
            assert ("ce_replayedfrom", topic.name.encode()) in record.headers
            assert record.headers[:-2] in sent
        nothing = Extent(since=datetime.fromisoformat("2200-01-01T00:00:00+00:00"))
        assert (
            await replay(
                KafkaConnection(bootstrap=there.bootstrap), group=group, topic=topic.name, extent=nothing
            )
            == 0
        )


class Copy(Replica):
    collection: ClassVar[str] = "copies"


async def keep(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
    copy = await uow.find_or_add(Copy(id=event.jar_id, tenant=event.tenant))
    overrides = envelope.overrides is not None
    copy.learn(
        event,
        tenant=event.tenant,
        sequence=envelope.sequence,
        event_id=envelope.id,
        overrides=overrides,
    )


class TestOverride:
    async def test_the_command_brings_the_genuine_state_back_on_any_number_of_replicas(
        self, three: list[Side], topic: Topic
    ) -> None:
        owner, reader, _ = three

        async def known() -> list[tuple[str, int]]:
            found = await reader.database["copies"].find({}).to_list(None)
            return sorted((one["_id"], one["sequence"]) for one in found)

        async def expect(*wanted: tuple[str, int]) -> None:
            await eventually(known, lambda seen: seen == list(wanted), because="the copy follows", within=60)

        forged = Envelope(
            id=uuid4(),
            source=topic.source,
            subject="jar-0",
            sequence=900,
            time=datetime.now(UTC),
            correlation_id="c",
            causation_id=None,
            event=JarFilled(tenant="muna-barat", jar_id="jar-0", filled=666),
        )
        async with running(owner.relay(), *(reader.subscriber(keep) for _ in range(2))):
            await send_raw(owner.bootstrap, topic.name, [encode(forged)])
            await expect(("jar-0", 900))
            await owner.fill(jars=2, times=3)
            await expect(("jar-0", 900), ("jar-1", 3))
            command = [sys.executable, "-m", "gerai.messaging.replay", "--bootstrap", owner.bootstrap]
            command += ["--group", reader.group, "--topic", topic.name, "--key", "jar-0", "--override"]
            process = await asyncio.create_subprocess_exec(*command)
            assert await asyncio.wait_for(process.wait(), 60) == 0
            await expect(("jar-0", 3), ("jar-1", 3))
            await owner.fill(jars=1, times=1)
            await expect(("jar-0", 4), ("jar-1", 3))
