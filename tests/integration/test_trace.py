"""One ticket is one trace, from the request to the other service; and nobody's secret is in it."""

import json
import secrets
from typing import Any

import httpx
import pytest

from gerai.chassis.testing import eventually
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Officer, Visitor, connection

pytestmark = pytest.mark.timeout(180)
Span = dict[str, Any]


async def _trace(ground: Ground, id: str) -> list[Span]:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = await client.get(f"{ground.platform.zipkin_url}/api/v2/trace/{id}")
        return list(answer.json()) if answer.is_success else []


def _services(spans: list[Span]) -> set[tuple[str, str]]:
    return {(one["localEndpoint"]["serviceName"], one["name"]) for one in spans}


STEPS = ("ticket-issued", "ticket-called", "ticket-serving-started", "ticket-served")
EXPECTED = {
    ("queue", "post /v1/tickets"),
    ("queue", "commit"),
    *(("queue", f"outbox wait {step}") for step in STEPS),
    *(("queue", f"send queue.tickets {step}") for step in STEPS),
    ("hourly", "process queue.tickets ticket-issued"),
    ("hourly", "outbox wait hour-counted"),
    ("hourly", "send hourly.hours hour-counted"),
}


def asking() -> tuple[str, dict[str, str]]:
    """A trace id, and the header of who asks for a request to be kept in that trace."""
    trace = secrets.token_hex(16)
    return trace, {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}


async def test_one_ticket_is_one_trace(ground: Ground, doors: Doors) -> None:
    await ground._there(ground.platform.traces_ready())
    trace, asked = asking()
    call, asked_to_call = asking()
    kiosk, officer = Kiosk(doors), Officer(doors, desk="jejak-1", door=1)
    ticket = await kiosk.issue("jejak-satu", priority="pregnant", headers=asked)
    await officer.sit_down()
    called = await officer.must("POST", "/v1/desks/jejak-1/call-next", headers=asked_to_call)
    assert called["id"] == ticket["id"]
    await officer.do("start")
    await officer.do("finish")
    await Visitor(doors, link=ticket["link"]).look()

    spans = await eventually(
        lambda: _trace(ground, trace),
        lambda seen: _services(seen) >= EXPECTED,
        because="the whole visit is in one trace: issued, called, started, served",
        within=60,
        every=0.5,
    )
    _require_shape(spans, ticket["id"])
    await _require_links(ground, spans, visit=trace, call=call)
    told = json.dumps(spans)
    for secret in (ticket["link"], "pregnant", "priority_reason"):
        assert secret not in told, f"{secret} stands in a trace"
    assert "/v1/visits/" + ticket["link"] not in told


def _named(spans: list[Span], name: str) -> Span:
    (found,) = (one for one in spans if one["name"] == name)
    return found


def _require_shape(spans: list[Span], ticket: str) -> None:
    """Request ⊃ outbox wait and send ⊃ process, with the event's type before all other tags."""
    by_id = {one["id"]: one for one in spans}
    assert _named(spans, "post /v1/tickets")["kind"] == "SERVER"
    process = _named(spans, "process queue.tickets ticket-issued")
    send = by_id[process["parentId"]]
    assert (send["name"], send["kind"]) == ("send queue.tickets ticket-issued", "PRODUCER")
    assert (process["kind"], process["tags"]["messaging.consumer.group.name"]) == ("CONSUMER", "hourly.count")
    for step in STEPS:
        send, wait = (_named(spans, f"{what} {step}") for what in ("send queue.tickets", "outbox wait"))
        assert send["parentId"] in by_id
        assert send["tags"]["messaging.operation.name"] == "send"
        assert send["tags"]["messaging.destination.name"] == "queue.tickets"
        assert send["tags"]["gerai.subject"] == ticket
        assert next(iter(send["tags"].items())) == ("cloudevents.event_type", f"queue.{step}.v1")
        assert wait["duration"] >= 0


async def _require_links(ground: Ground, spans: list[Span], *, visit: str, call: str) -> None:
    """From a step of the visit to the request that caused it, and back."""
    links = {
        step: _named(spans, f"send queue.tickets {step}")["tags"].get("otlp.link.0", "") for step in STEPS
    }
    assert not links["ticket-issued"], "the request that issued the ticket is in the same trace"
    assert links["ticket-called"].startswith(f"{call}|"), links
    assert links["ticket-served"], "a request that is not kept is named, too"
    (request,) = await eventually(
        lambda: _servers(ground, call), lambda seen: len(seen) == 1, because="the call is kept", within=20
    )
    assert request["tags"]["otlp.link.0"].startswith(f"{visit}|"), request["tags"]


async def _servers(ground: Ground, trace: str) -> list[Span]:
    return [one for one in await _trace(ground, trace) if one.get("kind") == "SERVER"]


THE_KIOSKS = {("queue", "post /v1/tickets"), ("queue", "send queue.tickets ticket-issued")}
"""The process that answers and the one that publishes export their spans by themselves, in any order."""


async def test_a_stranger_has_no_trace_kept_and_joins_none(ground: Ground, doors: Doors) -> None:
    """Although it names one, and asks for it; and although the one it names is a real one."""
    await ground._there(ground.platform.traces_ready())
    trace, asked = asking()
    ticket = await Kiosk(doors).issue("jejak-satu", headers=asked)
    visitor = Visitor(doors, link=ticket["link"])
    answer = await visitor.send("GET", f"/v1/visits/{ticket['link']}", headers=asked)
    assert answer.headers["traceresponse"].split("-")[1] != trace
    assert answer.headers["traceresponse"].endswith("-00")
    spans = await eventually(
        lambda: _trace(ground, trace),
        lambda seen: _services(seen) >= THE_KIOSKS,
        because="the kiosk, who is known, is in the trace",
        within=60,
        every=0.5,
    )
    assert [span["name"] for span in spans if span.get("kind") == "SERVER"] == ["post /v1/tickets"]


async def test_no_link_anywhere(ground: Ground, doors: Doors) -> None:
    """Nor in a log, a header of a record, or a metric."""
    ticket = await Kiosk(doors).issue("jejak-dua", priority="small_child")
    await Visitor(doors, link=ticket["link"]).look()
    await Visitor(doors, link="x" + ticket["link"]).ask("GET", f"/v1/visits/x{ticket['link']}")
    rows = ground.collection("outbox").find({"aggregate": f"tickets:{ticket['id']}"})
    async for row in rows:
        assert ticket["link"] not in str(row) and "small_child" not in str(row)
    async with connection() as client:
        for name in ("queue", "queue-2", "queue-3", "queue-4"):
            metrics = await client.get(f"{ground.platform.operators_url(name)}/metrics")
            assert "gerai_http_requests_total" in metrics.text
            assert ticket["link"] not in metrics.text
    for log in (ground.platform.data_dir / "logs").glob("queue*.log"):
        text = log.read_text(errors="replace")
        assert ticket["link"] not in text, f"the link stands in {log.name}"
        assert "small_child" not in text
