import dataclasses
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient

from local import mongodb
from local.failure import UnableToStart
from local.platform import running
from local.ports import HOST, free_ports
from local.supervisor import Supervisor
from local.tests.permissions import readable_by_others

pytestmark = pytest.mark.integration


class TestTheRealParts:
    async def test_mongodb_commits_a_transaction(self, mongodb_uri):
        async with AsyncMongoClient(mongodb_uri) as client:
            rows = client["local_test"][uuid.uuid4().hex]
            await rows.insert_one({"_id": 1})

            async def write(session):
                await rows.insert_one({"_id": 2}, session=session)
                await rows.update_one({"_id": 1}, {"$set": {"seen": True}}, session=session)

            async with client.start_session() as session:
                await session.with_transaction(write)
            assert await rows.count_documents({}) == 2
            await rows.drop()

    async def test_kafka_gives_back_what_it_was_sent(self, kafka_bootstrap):
        topic = f"local-test-{uuid.uuid4().hex}"
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1)])
        async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, enable_idempotence=True) as producer:
            await producer.send_and_wait(topic, b"value", key=b"key")
        group = uuid.uuid4().hex
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=kafka_bootstrap, group_id=group, auto_offset_reset="earliest"
        ) as consumer:
            record = await consumer.getone()
        assert (record.key, record.value) == (b"key", b"value")
        await admin.delete_topics([topic])
        await admin.close()


class TestGivenStores:
    """Those of `MONGODB_URI` and `KAFKA_BOOTSTRAP`."""

    async def test_are_used_and_none_of_ours_is_started(
        self, tmp_path, monkeypatch, mongodb_uri, kafka_bootstrap
    ):
        monkeypatch.setenv("MONGODB_URI", mongodb_uri)
        monkeypatch.setenv("KAFKA_BOOTSTRAP", kafka_bootstrap)
        async with running(profile="test", data_dir=tmp_path) as platform:
            assert (platform.mongodb_uri, platform.kafka_bootstrap) == (mongodb_uri, kafka_bootstrap)
            assert platform.processes == ()

    async def test_a_mongodb_that_is_no_replica_set_is_refused(self, tmp_path, monkeypatch):
        (port,) = free_ports(1)
        program = mongodb.program(directory=tmp_path / "alone" / "mongodb", port=port)
        at = program.argv.index("--replSet")
        alone = dataclasses.replace(program, argv=program.argv[:at] + program.argv[at + 2 :])
        monkeypatch.setenv("MONGODB_URI", f"mongodb://{HOST}:{port}")
        async with Supervisor(tmp_path / "alone") as supervisor:
            await supervisor.add(alone).start()
            with pytest.raises(UnableToStart, match="is no replica set, so it has no transactions"):
                async with running(profile="test", data_dir=tmp_path / "ours", start_kafka=False):
                    pytest.fail("it must not start")


class TestASecondStart:
    @pytest.mark.timeout(300)
    async def test_finds_the_data_as_they_were_also_on_other_ports_and_nobody_else_reads_them(self, tmp_path):
        async with running(profile="test", data_dir=tmp_path, use_given=False) as platform:
            async with AsyncMongoClient(platform.mongodb_uri) as client:
                await client["kept"]["rows"].insert_one({"_id": "written first"})
            admin = AIOKafkaAdminClient(bootstrap_servers=platform.kafka_bootstrap)
            await admin.start()
            await admin.create_topics([NewTopic("kept", 1, 1)])
            await admin.close()
            async with AIOKafkaProducer(bootstrap_servers=platform.kafka_bootstrap) as producer:
                await producer.send_and_wait("kept", b"sent first", key=b"key")
            before = platform.mongodb_uri
            assert readable_by_others(tmp_path) == []
        async with running(profile="test", data_dir=tmp_path, use_given=False) as platform:
            assert platform.mongodb_uri != before
            async with AsyncMongoClient(platform.mongodb_uri) as client:
                assert await client["kept"]["rows"].find_one() == {"_id": "written first"}
            async with AIOKafkaConsumer(
                "kept", bootstrap_servers=platform.kafka_bootstrap, auto_offset_reset="earliest"
            ) as consumer:
                record = await consumer.getone()
            assert (record.key, record.value) == (b"key", b"sent first")
