"""Our replica of the register: whatever comes, in whatever order and how often."""

from hypothesis import given
from hypothesis import strategies as st
from queue_builders import SMALL, TENANT, Hall, service

from gerai.queue.adapters.catalogue_replica import CatalogueReplica
from gerai.queue.domain.register_entry import RegisterEntry
from gerai.queue.domain.rules import Rules
from gerai.queue.use_cases.change_site_rules import change_site_rules


async def test_becomes_the_catalogue_of_every_process(hall: Hall):
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    assert replica.current.is_empty
    for event in SMALL:
        await hall.learns(event)
    await replica.refresh()
    assert [one.id for one in replica.current.services_at("mpp")] == ["izin", "nib", "pajak"]


async def test_is_read_again_only_when_it_has_moved(hall: Hall):
    replica = CatalogueReplica(hall.storage)
    await hall.learns(service(), sequence=2)
    await replica.refresh()
    first = replica.current
    await hall.learns(service(name="old"), sequence=1)
    await replica.refresh()
    assert replica.current is first
    await hall.learns(service(name="new"), sequence=3)
    await replica.refresh()
    assert replica.current.service_name("nib") == "new"


async def test_brings_a_sites_rules_to_every_process(hall: Hall):
    for event in SMALL:
        await hall.learns(event)
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    await hall.does(
        lambda uow: change_site_rules("mpp", Rules(near_front=5), seen=0, uow=uow, catalogue=replica.current)
    )
    await replica.refresh()
    assert replica.current.rules_of("mpp").near_front == 5


async def test_one_unreadable_entry_does_not_hide_the_others(hall: Hall):
    for event in SMALL:
        await hall.learns(event)
    hall.storage.aggregates[RegisterEntry]["registry.services:nib"].body = "{}"
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    assert [one.id for one in replica.current.services_at("mpp")] == ["izin", "pajak"]


@given(sequences=st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_the_highest_sequence_wins_in_whatever_order_they_come(sequences):
    entry = RegisterEntry(id="registry.services:nib", tenant=TENANT, type="registry.service-changed.v1")
    for number in sequences:
        entry.learn(service(name=f"v{number}"), sequence=number)
    assert f'"name":"v{max(sequences)}"' in entry.body
