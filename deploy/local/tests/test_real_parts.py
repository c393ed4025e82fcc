import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient

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
