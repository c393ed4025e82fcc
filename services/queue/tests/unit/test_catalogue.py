"""The register as the queue sees it: with the rules of its sites, and watched in every process."""

from itertools import chain

import pytest
from queue_builders import MORNING, RULES, Hall
from queue_front_door import front_door

from gerai.chassis.settings import Role
from gerai.contracts.registry import SiteChanged
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import Refusal
from gerai.queue.adapters import display_feed
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import Rules, SiteRules
from gerai.queue.use_cases.change_site_rules import change_site_rules
from gerai.register import replica as register_replica
from gerai.register.replica import RegisterReplica
from gerai.register.testing import SMALL, counter, interval, service, site, tell, week
from gerai.register.testing import calendar as calendar_of

MANY = 30


def replica_of(storage: MemoryStorage) -> RegisterReplica[Catalogue]:
    return RegisterReplica(storage, Catalogue, beside=SiteRules)


async def test_brings_a_sites_rules_to_every_process(hall: Hall):
    for event in SMALL:
        await hall.learns(event)
    replica = replica_of(hall.storage)
    await replica.refresh()
    await hall.does(
        lambda uow: change_site_rules(
            uow, MORNING, "mpp", Rules(near_front=5), seen=0, catalogue=replica.current
        )
    )
    await replica.refresh()
    assert replica.current.rules_of("mpp").near_front == 5


async def test_a_regency_with_very_many_entries_and_rules_pushes_out_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(register_replica, "MOST_OF_REGENCY", len(SMALL))
    many = [
        SiteChanged(tenant="buton", id=id, name=id, zone="Asia/Makassar", address="", active=True)
        for id in (f"a-{number:02}" for number in range(MANY))
    ]
    storage = tell(MemoryStorage(), *many, *SMALL)
    own = RULES.model_copy(update={"recall_limit": RULES.recall_limit + 1})
    for tenant, id in (*(("buton", event.id) for event in many), ("muna-barat", "mpp")):
        storage.aggregates[SiteRules][id] = SiteRules(id=id, tenant=tenant, version=1, rules=own)
    replica = replica_of(storage)
    await replica.refresh()
    found = replica.current
    assert found.service("nib", tenant="muna-barat").id == "nib"
    assert found.rules_of("mpp") == own
    assert found.knows_site("a-00")
    assert not found.knows_site(f"a-{MANY - 1:02}"), "it has more than its share"


async def learnt(hall: Hall, *events) -> None:
    for sequence, event in enumerate((*SMALL, *events), start=1):
        await hall.learns(event, sequence)
    replica = replica_of(hall.storage)
    await replica.refresh()
    hall.catalogue = replica.current


async def test_a_service_whose_site_is_unusable_gives_no_numbers_and_disturbs_no_other(hall: Hall):
    await learnt(
        hall,
        site(id="olympus", zone="Mars/Olympus"),
        counter("loket-olympus", site_id="olympus"),
        service("warp", site_id="olympus", counter_id="loket-olympus", prefix="O"),
    )
    assert (await hall.issues("nib")).number == "A-001"
    with pytest.raises(Refusal) as refused:
        await hall.issues("warp")
    assert refused.value.code == "service_closed"
    for desk in ("loket-1", "loket-9"):
        await hall.opens(desk)


async def test_a_service_whose_hours_are_none_has_those_of_its_site(hall: Hall):
    await learnt(hall, calendar_of("service:izin", week=week(interval("25:00", "15:30"))))
    assert (await hall.issues("izin")).number == "B-001"


@pytest.mark.parametrize("limit", [10**10, 10**13])
async def test_a_wait_limit_beyond_all_time_disturbs_nobody(hall: Hall, limit: int):
    await learnt(hall, service("izin", prefix="B", wait_limit_minutes=limit))
    await hall.issues("nib")
    await hall.opens("loket-1")  # serves both
    assert (await hall.calls("loket-1")).number == "A-001"


async def test_the_register_is_watched_in_every_role_and_the_display_feed_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(register_replica, "STUCK_S", -1.0)
    monkeypatch.setattr(display_feed, "STUCK_S", -1.0)
    async with front_door(MemoryStorage()) as door:
        stuck = {role: set(chain(*(one.progress() for one in door.runs_as(role)))) for role in Role}
    assert stuck == {Role.API: {"register", "display-feed"}, Role.WORKER: {"register"}}
