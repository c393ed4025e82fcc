"""A trace counts only if it tells the whole way."""

from demo.trace import read_trace

WAY = [
    ("queue", "POST /v1/tickets"),
    ("queue", "outbox wait"),
    ("queue", "queue.tickets publish"),
    ("hourly", "queue.tickets process"),
]


def read(spans: list[tuple[str, str]]):
    zipkin = [{"name": name, "localEndpoint": {"serviceName": service}} for service, name in spans]
    return read_trace(zipkin, id="abc", zipkin_url="http://127.0.0.1:1", number="A-001", legs=1)


def test_from_the_request_to_the_other_service_is_whole():
    trace = read(WAY)
    assert trace.whole and trace.services == ("hourly", "queue") and trace.spans == 4
    assert trace.address == "http://127.0.0.1:1/zipkin/traces/abc"


def test_without_the_wait_in_the_outbox_it_is_not():
    trace = read([span for span in WAY if span[1] != "outbox wait"])
    assert not trace.whole and trace.lacks == ("outbox wait",)


def test_one_service_alone_is_not():
    assert not read([("queue", name) for _, name in WAY]).whole


def test_names_come_from_zipkin_in_small_letters():
    assert read([(service, name.lower()) for service, name in WAY]).whole
