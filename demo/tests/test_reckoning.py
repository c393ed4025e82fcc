"""An event that is missing anywhere is found, and the outcome says so."""

from demo.listener import Published, topics
from demo.reckoning import READERS, SERVICES_RECKONED, Reading, Reckoning
from demo.tests.telling import Teller
from tests.architecture.test_ties import SERVED, house_of

from gerai.contracts import queue
from gerai.contracts.queue import TicketState
from local.plan import SERVICES


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


async def test_every_subscription_of_the_services_is_reckoned_with_all_it_reads():
    subscribed = {
        subscription.group: (service.name, frozenset(kind.type for kind in subscription.handlers))
        for service in SERVED
        for subscription in service.assemble(house_of(service)).subscriptions
    }
    assert subscribed == READERS


def test_every_service_that_runs_is_reckoned():
    assert {service.name for service in SERVED} == set(SERVICES_RECKONED) == set(SERVICES)
