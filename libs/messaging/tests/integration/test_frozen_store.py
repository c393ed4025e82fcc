"""A store that does not answer for a while: its readers only wait, and keep their places in the group."""

import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from messaging_builders import NOON, JarFilled
from messaging_ground import own_topic, running, send_raw, sides
from tests.parts import Store

from gerai.chassis.testing import eventually
from gerai.contracts.codec import encode
from gerai.contracts.event import Envelope
from gerai.messaging.mongo.driver import Driver

FROZEN_S = 24.0
"""More than twice what the driver, and the group, take for the sign of an absence."""


def event(number: int) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    from uuid import NAMESPACE_OID, uuid5

    return encode(
        Envelope(
            id=uuid5(NAMESPACE_OID, f"frozen:{number}"),
            source="/gerai/test",
            subject=f"jar-{number}",
            sequence=1,
            time=NOON,
            correlation_id="c",
            causation_id=None,
            event=JarFilled(tenant="muna-barat", jar_id=f"jar-{number}", filled=1),
        )
    )


async def members(bootstrap: str, group: str) -> set[str]:
    """Ids of the group's members; who leaves and connects anew has another one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group])
        (described,) = answer.groups
        return {member[0] for member in described[5]}
    finally:
        await admin.close()


async def test_who_waits_for_a_frozen_store_keeps_its_place_and_then_catches_up(
    store: Store, kafka_bootstrap: str, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = own_topic()
    monkeypatch.setattr(JarFilled, "topic", topic)
    async with (
        sides(store.uri, kafka_bootstrap, driver, topic, count=1) as (there,),
        running(there.subscriber(), there.subscriber()),
    ):
        await send_raw(kafka_bootstrap, topic.name, [event(0)])
        await there.expect_pages({"jar-0": 1})

        async def group() -> set[str]:
            return await members(kafka_bootstrap, there.group)

        before = await eventually(group, lambda seen: len(seen) == 2, because="both have joined", within=60)
        frozen = time.monotonic()
        store.freeze()
        try:
            await send_raw(kafka_bootstrap, topic.name, [event(number) for number in range(1, 40)])

            async def seconds() -> float:
                return time.monotonic() - frozen

            await eventually(
                seconds, lambda past: past > FROZEN_S, because="time passes", within=2 * FROZEN_S
            )
            assert await group() == before
        finally:
            store.thaw()
        await there.expect_pages({f"jar-{number}": 1 for number in range(40)})
        assert await group() == before
