"""On real MongoDB and Kafka: a service that starts late rebuilds the register from the topics alone."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from registry_builders import INSTITUTION
from registry_front_door import Client
from registry_process import registry_process
from registry_replica import Record, Replica, compacted

from gerai.contracts.event import Topic
from gerai.contracts.registry import AGREEMENTS
from gerai.registry.entrypoints.shapes import SECTIONS

FILE = Path(__file__).parents[4] / "deploy" / "local" / "data" / "muna_barat.json"
PATIENCE_S = 30


@pytest.fixture
async def running(mongodb_uri: str, kafka_bootstrap: str) -> AsyncIterator[Client]:
    """A whole registry. Its regency is new, so that other tests' records don't count."""
    name = uuid.uuid4().hex[:8]
    async with registry_process(
        mongodb_uri=mongodb_uri, database=f"registry_{name}", kafka_bootstrap=kafka_bootstrap
    ) as address:
        yield Client(address, tenant=f"regency-{name}")


async def published(bootstrap: str, topic: Topic, tenant: str, *, at_least: int) -> list[tuple[str, Record]]:
    """What a reader who begins at the beginning sees of one regency, as soon as there is enough of it."""
    seen: list[tuple[str, Record]] = []
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < at_least:
                batch = await consumer.getmany(timeout_ms=200)
                for message in (one for records in batch.values() for one in records):
                    if json.loads(message.value)["tenant"] == tenant:
                        seen.append((topic.name, (message.key, message.value, tuple(message.headers))))
    finally:
        await consumer.stop()
    return seen


async def everything(client: Client, path: str) -> dict[str, Any]:
    """All entries of a section, through every page."""
    found: dict[str, Any] = {}
    query: dict[str, Any] = {"limit": 100}
    while True:
        page = (await client.gets(path, **query)).json()
        found |= {entry["id"]: entry for entry in page["items"]}
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


class TestReplica:
    async def test_of_muna_barat_is_what_the_registry_itself_answers(
        self, running: Client, kafka_bootstrap: str
    ) -> None:
        file = json.loads(FILE.read_text(encoding="utf-8"))
        loaded = await running.posts("/v1/imports", file)
        assert loaded.status_code == 200, loaded.text
        bri = (await running.gets("/v1/institutions/bri")).json()
        stated = {name: value for name, value in bri.items() if name not in ("id", "version")}
        await running.puts("/v1/institutions/bri", stated | {"name": "Bank BRI"}, etag='"1"')
        await running.deletes("/v1/desks/bri-loket-2", etag='"1"')

        extra = {"institutions": 1, "desks": 1}
        for section in SECTIONS:
            topic = section.kind.changed.topic
            rows = len(file[section.name]) + extra.get(section.name, 0)
            records = await published(kafka_bootstrap, topic, running.tenant, at_least=rows)
            replica = Replica()
            replica.takes(compacted(records))
            answered = await everything(running, f"/v1/{section.name}")
            said = replica.of(section.kind.changed)
            assert said.keys() == answered.keys()
            for id, entry in answered.items():
                known = {name: value for name, value in said[id].items() if name != "tenant"}
                assert known == {name: value for name, value in entry.items() if name != "version"}

    async def test_an_agreement_that_lapses_soon_is_announced_once(
        self, running: Client, kafka_bootstrap: str
    ) -> None:
        ends = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
        agreement = {"number": "PKS/09", "starts": "2025-01-01", "ends": ends}
        body = {"id": "soon", **INSTITUTION, "agreement": agreement}
        assert (await running.posts("/v1/institutions", body)).status_code == 201
        [(_, (key, value, _))] = await published(kafka_bootstrap, AGREEMENTS, running.tenant, at_least=1)
        assert key == b"soon"
        assert (json.loads(value)["agreement_number"], json.loads(value)["ends"]) == ("PKS/09", ends)
        renamed = await running.puts(
            "/v1/institutions/soon", {**INSTITUTION, "name": "Baru", "agreement": agreement}, etag='"2"'
        )
        assert renamed.status_code == 200, "the warning took a version of its own"
