"""Our replica of the register: whatever comes, in whatever order and how often."""

import uuid

from hypothesis import given
from hypothesis import strategies as st
from queue_builders import MORNING, SMALL, TENANT, Hall, service

from gerai.contracts.event import Envelope
from gerai.queue.adapters.catalogue_replica import CatalogueReplica
from gerai.queue.domain.register_entry import EntryChanged, RegisterEntry
from gerai.queue.domain.rules import Rules
from gerai.queue.use_cases.change_site_rules import change_site_rules
from gerai.queue.use_cases.when_register_changed_keep_replica import when_register_changed_keep_replica


def envelope(event: EntryChanged, sequence: int) -> Envelope:
    return Envelope(
        id=uuid.uuid4(),
        source="/gerai/registry",
        subject=event.id,
        sequence=sequence,
        time=MORNING,
        correlation_id="test",
        causation_id=None,
        event=event,
    )


async def tells(hall: Hall, event: EntryChanged, sequence: int = 1) -> None:
    async def react(uow) -> None:
        await when_register_changed_keep_replica(event, envelope(event, sequence), uow=uow, at=MORNING)

    await hall.does(react)


async def test_becomes_the_catalogue_of_every_process(hall: Hall):
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    assert replica.current.is_empty
    for event in SMALL:
        await tells(hall, event)
    await replica.refresh()
    assert [one.id for one in replica.current.services_at("mpp")] == ["izin", "nib", "pajak"]


async def test_is_read_again_only_when_it_has_moved(hall: Hall):
    replica = CatalogueReplica(hall.storage)
    await tells(hall, service(), sequence=2)
    await replica.refresh()
    first = replica.current
    await tells(hall, service(name="old"), sequence=1)
    await replica.refresh()
    assert replica.current is first
    await tells(hall, service(name="new"), sequence=3)
    await replica.refresh()
    assert replica.current.service_name("nib") == "new"


async def test_brings_a_sites_rules_to_every_process(hall: Hall):
    for event in SMALL:
        await tells(hall, event)
    replica = CatalogueReplica(hall.storage)
    await replica.refresh()
    await hall.does(
        lambda uow: change_site_rules("mpp", Rules(near_front=5), seen=0, uow=uow, catalogue=replica.current)
    )
    await replica.refresh()
    assert replica.current.rules_of("mpp").near_front == 5


async def test_one_unreadable_entry_does_not_hide_the_others(hall: Hall):
    for event in SMALL:
        await tells(hall, event)
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
