"""The rules that every event and topic keeps."""

import re
from datetime import datetime

import pytest
from pydantic import ValidationError

from gerai.contracts.event import Cleanup, Event, Topic
from gerai.contracts.hourly import HourCounted
from gerai.contracts.language import Unexplained, events, events_of, meanings, topics
from gerai.contracts.schemas import parts_of

TYPE = re.compile(r"(?P<owner>[a-z]+)\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*")
TOPIC = re.compile(r"(?P<owner>[a-z]+)\.[a-z]+(-[a-z]+)*")

every_event = pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
every_topic = pytest.mark.parametrize("topic", topics(), ids=lambda topic: topic.name)


@every_event
def test_a_type_says_its_owner_its_fact_and_its_version(event: type[Event]) -> None:
    type = TYPE.fullmatch(event.type)
    assert type is not None
    assert type["owner"] == event.topic.owner == event.__module__.split(".")[2]
    assert event.type.split(".")[1].replace("-", "") == event.__name__.lower()
    assert not event.__name__.endswith("Event")


@every_topic
def test_a_topic_can_be_made_as_it_is_declared(topic: Topic) -> None:
    name = TOPIC.fullmatch(topic.name)
    assert name is not None
    assert name["owner"] == topic.owner
    assert topic.key
    assert topic.partitions >= 1
    assert (topic.retention_days is None) == (topic.cleanup is Cleanup.COMPACT)
    assert len({event.topic for event in events_of(topic)}) == 1, "two topics have one name"


@every_topic
def test_a_compacted_topic_carries_one_kind_of_full_state(topic: Topic) -> None:
    """Compaction keeps the newest record of a key: a second kind of event would wipe out the first."""
    if topic.cleanup is Cleanup.COMPACT:
        assert len(events_of(topic)) == 1


@every_event
def test_an_event_names_its_tenant_and_each_field_has_a_meaning(event: type[Event]) -> None:
    assert "tenant" in event.model_fields
    for model in (event, *parts_of(event)):
        assert set(meanings(model)) == set(model.model_fields)
        assert model.__doc__


@every_event
def test_producers_are_closed_and_nothing_changes_afterwards(event: type[Event]) -> None:
    for model in (event, *parts_of(event)):
        assert model.model_config.get("extra") == "forbid"
        assert model.model_config.get("frozen") is True


def test_a_producer_cannot_add_a_field_or_a_time_without_a_zone_or_a_number_that_json_has_not() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        HourCounted.model_validate({"tenant": "t", "hour": "2026-01-05T01:00:00Z", "tickets": 1, "more": 1})
    with pytest.raises(ValidationError, match="timezone_aware"):
        HourCounted(tenant="t", hour=datetime(2026, 1, 5, 1), tickets=1)  # noqa: DTZ001


def test_a_type_is_declared_once() -> None:
    with pytest.raises(TypeError, match=r"hourly\.hour-counted\.v1 is declared twice"):

        class Twin(Event, type="hourly.hour-counted.v1", topic=HourCounted.topic):
            """Another class of the same type."""


class Mute(HourCounted):
    """Has a field that nobody explains."""

    mystery: int


def test_a_field_without_a_meaning_is_named() -> None:
    with pytest.raises(Unexplained, match=r"Mute\.mystery"):
        meanings(Mute)


def test_what_tests_declare_is_not_part_of_the_language() -> None:
    assert all(event.__module__.startswith("gerai.contracts.") for event in events())
    assert {"registry", "queue", "hourly"} <= {event.topic.owner for event in events()}
