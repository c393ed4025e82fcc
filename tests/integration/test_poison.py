"""What nobody can read goes to dead letters with its bytes, and the partition flows on."""

import pytest

from gerai.chassis.testing import eventually
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Registrar, Supervisor
from tests.integration.poison import Found, Poison, all_of, allow_large, kinds, lies, producer
from tests.integration.register import SITE, TENANT

SERVICE = "tutup-kantor"
pytestmark = pytest.mark.timeout(120)


async def _a_good_one(bootstrap: str, topic: str, type: str) -> Found:
    """Some event of the platform's own, to be damaged."""

    async def look() -> list[Found]:
        return [one for one in await all_of(bootstrap, topic) if one.headers.get("ce_type") == type.encode()]

    return (await eventually(look, bool, because=f"{topic} holds a {type}", within=30))[-1]


async def _plant(bootstrap: str, topic: str, good: Found, poison: list[Poison]) -> None:
    """All of it under one key, in the partition of a good record."""
    await allow_large(bootstrap, topic)
    async with producer(bootstrap) as sender:
        for one in poison:
            await sender.send_and_wait(
                topic, one.value, key=good.key, headers=list(one.headers), partition=good.partition
            )


async def _require_buried(bootstrap: str, group: str, topic: str, poison: list[Poison]) -> None:
    async def buried() -> list[Found]:
        found = await all_of(bootstrap, f"{group}.dead-letters")
        return [one for one in found if one.headers["dead_topic"] == topic.encode()]

    letters = await eventually(
        buried, lambda found: len(found) >= len(poison), because=f"{group} buries the poison", within=30
    )
    assert [one.headers["dead_reason"].decode() for one in letters] == [one.reason for one in poison]
    for letter, one in zip(letters, poison, strict=True):
        assert letter.value == (one.value or b""), f"{one.name}: other bytes than they were"
        kept = {letter.headers.get(name) for name in letter.headers}
        lost = [name for name, value in one.headers if value not in kept]
        assert not lost, f"{one.name}: {lost} are not what they were"
        assert letter.headers["dead_group"] == group.encode()


async def test_poison_among_tickets(ground: Ground, doors: Doors) -> None:
    """The example service buries it, and counts the good tickets behind it."""
    bootstrap = ground.platform.kafka_bootstrap
    await Kiosk(doors).issue("kios-nomor")
    good = await _a_good_one(bootstrap, "queue.tickets", "queue.ticket-issued.v1")
    assert good.value is not None
    poison = kinds("queue.ticket-issued.v1", list(good.headers.items()), good.value)
    await _plant(bootstrap, "queue.tickets", good, poison)
    before = await _counted(ground)
    for _ in range(30):  # some of them in the poisoned partition
        await Kiosk(doors).issue("kios-nomor")
    await eventually(
        lambda: _counted(ground), lambda seen: seen >= before + 30, because="tickets are counted", within=30
    )
    await _require_buried(bootstrap, "hourly.count", "queue.tickets", poison)


async def _counted(ground: Ground) -> int:
    hours = ground.collection("hours", database="hourly").find({})
    return sum([hour["tickets"] async for hour in hours])


async def test_poison_in_the_register(ground: Ground, doors: Doors) -> None:
    """The queue buries it, and learns what the registrar says next under the same key."""
    bootstrap = ground.platform.kafka_bootstrap
    found = await all_of(bootstrap, "registry.services")
    good = [one for one in found if one.key == SERVICE.encode()][-1]
    assert good.value is not None
    poison = kinds("registry.service-changed.v1", list(good.headers.items()), good.value)
    poison = [one for one in poison if one.value is not None]  # a compacted topic has tombstones
    poison += lies(list(good.headers.items()), good.value, tenant=TENANT)
    await _plant(bootstrap, "registry.services", good, poison)
    registry = Doors(ground.platform.urls("registry"), ground.platform.token, doors.exits)
    await Registrar(registry).rename(SERVICE, "Layanan sesudah racun")

    async def name() -> str:
        rows = await Supervisor(doors).must("GET", f"/v1/sites/{SITE}/availability")
        return str(next(row["name"] for row in rows if row["service_id"] == SERVICE))

    await eventually(
        name, lambda seen: seen == "Layanan sesudah racun", because="the register flows on", within=30
    )
    await _require_buried(bootstrap, "queue.register", "registry.services", poison)
