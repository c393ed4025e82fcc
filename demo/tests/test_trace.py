"""A trace counts only if it tells the whole way."""

import pytest
from demo.trace import read_trace

WAY = [
    ("queue", "POST /v1/tickets"),
    ("queue", "commit"),
    ("queue", "outbox wait ticket-issued"),
    ("queue", "send queue.tickets ticket-issued"),
    ("hourly", "process queue.tickets ticket-issued"),
]


def read(spans: list[tuple[str, str]]):
    zipkin = [{"name": name, "localEndpoint": {"serviceName": service}} for service, name in spans]
    return read_trace(zipkin, id="abc", zipkin_url="http://127.0.0.1:1", number="A-001", legs=1)


def test_from_the_request_to_the_other_service_is_whole():
    trace = read(WAY)
    assert trace.whole and trace.services == ("hourly", "queue") and trace.spans == 5
    assert trace.address == "http://127.0.0.1:1/zipkin/traces/abc"


@pytest.mark.parametrize(
    ("missing", "lacks"),
    [
        ("POST /v1/tickets", "queue's post"),
        ("commit", "queue's commit"),
        ("outbox wait ticket-issued", "queue's outbox wait"),
        ("send queue.tickets ticket-issued", "queue's send queue.tickets ticket-issued"),
        ("process queue.tickets ticket-issued", "hourly's process queue.tickets ticket-issued"),
    ],
)
def test_without_a_part_of_the_way_it_is_not(missing: str, lacks: str):
    trace = read([span for span in WAY if span[1] != missing])
    assert not trace.whole and trace.lacks == (lacks,)


def test_the_same_part_in_another_service_does_not_count():
    elsewhere = [("hourly" if name == "commit" else service, name) for service, name in WAY]
    assert read(elsewhere).lacks == ("queue's commit",)
    assert read([("queue", name) for _, name in WAY]).lacks == (
        "hourly's process queue.tickets ticket-issued",
    )


def test_names_come_from_zipkin_in_small_letters():
    assert read([(service, name.lower()) for service, name in WAY]).whole
