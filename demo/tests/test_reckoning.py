"""An event that is missing anywhere is found, and the outcome says so."""

from demo.listener import Published, topics
from demo.reckoning import Reader, Reading, Reckoning, every_reader
from demo.tests.telling import Teller

from gerai.contracts import language, queue
from gerai.contracts.queue import TicketState
from local import services


def reckoning(**changes: object) -> Reckoning:
    ids = frozenset({"a", "b", "c"})
    reading = Reading(group="hourly.count", expected=frozenset({"a"}), taken=frozenset({"a"}))
    known: dict[str, object] = {
        "committed": {"queue": frozenset({"a", "b"}), "registry": frozenset({"c"})},
        "published": ids,
        "readings": (reading,),
    }
    return Reckoning(**{**known, **changes})


def test_all_that_was_committed_arrived():
    assert reckoning().balanced
    assert len(reckoning().all_committed) == 3


def test_an_event_that_never_reached_kafka_is_missing():
    found = reckoning(published=frozenset({"a", "b"}))
    assert found.unpublished == {"c"} and not found.balanced


def test_as_many_events_are_not_the_same_events():
    found = reckoning(published=frozenset({"a", "b", "x"}))
    assert found.unpublished == {"c"} and found.unknown == {"x"} and not found.balanced


def test_an_event_that_a_reader_did_not_take_is_missing():
    reading = Reading(group="hourly.count", expected=frozenset({"a", "b"}), taken=frozenset({"a"}))
    assert reading.missing == {"b"}
    assert not reckoning(readings=(reading,)).balanced


def test_an_event_that_comes_twice_is_taken_once():
    published, event = Published(), Teller().tell(queue.TicketIssued, TicketState.WAITING)
    assert published.take(event) and not published.take(event)
    assert (published.deliveries, len(published.ids), published.out_of_order) == (2, 1, set())


def test_a_version_that_comes_after_a_later_one_is_noticed():
    published, say = Published(), Teller()
    first = say.tell(queue.TicketIssued, TicketState.WAITING)
    second = say.tell(queue.TicketCancelled, TicketState.CANCELLED)
    published.take(second)
    published.take(first)
    assert len(published.out_of_order) == 1


def test_every_topic_of_the_three_services_is_read():
    assert {"queue.tickets", "queue.service-days", "registry.desks", "hourly.hours"} <= set(topics())


async def test_every_service_that_reads_is_reckoned_with_all_it_reads():
    readers = {reader.group: reader for reader in await every_reader()}
    tickets = frozenset({queue.TicketIssued.type})
    assert readers["hourly.count"] == Reader(group="hourly.count", service="hourly", types=tickets)
    topics_read = {
        (event.topic.name, service)
        for service in services.names()
        for event in language.events()
        if service in language.readers(event.topic)
    }
    read = {
        (event.topic.name, reader.service)
        for reader in readers.values()
        for event in language.events()
        if event.type in reader.types
    }
    assert read == topics_read
