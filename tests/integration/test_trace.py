"""One ticket is one trace, from the request to the other service; and nobody's secret is in it."""

import json
import secrets
from typing import Any

import httpx
import pytest

from tests.eventually import eventually
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Officer, Visitor

pytestmark = pytest.mark.timeout(180)
Span = dict[str, Any]


async def _trace(ground: Ground, id: str) -> list[Span]:
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = await client.get(f"{ground.platform.zipkin_url}/api/v2/trace/{id}")
        return list(answer.json()) if answer.is_success else []


def _services(spans: list[Span]) -> set[tuple[str, str]]:
    return {(one["localEndpoint"]["serviceName"], one["name"]) for one in spans}


EXPECTED = {
    ("queue", "post /v1/tickets"),
    ("queue", "commit"),
    ("queue", "outbox wait"),
    ("queue", "queue.tickets publish"),
    ("hourly", "queue.tickets process"),
    ("hourly", "outbox wait"),
    ("hourly", "hourly.hours publish"),
}


async def test_one_ticket_is_one_trace(ground: Ground, doors: Doors) -> None:
    await ground._there(ground.platform.traces_ready())
    trace = secrets.token_hex(16)
    asked = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    kiosk, officer = Kiosk(doors), Officer(doors, desk="jejak-1", door=1)
    ticket = await kiosk.issue("jejak-satu", priority="pregnant", headers=asked)
    await officer.sit_down()
    called = await officer.call_next()
    assert called is not None and called["id"] == ticket["id"]
    await officer.do("start")
    await officer.do("finish")
    await Visitor(doors, link=ticket["link"]).look()

    spans = await eventually(
        lambda: _trace(ground, trace),
        lambda seen: _services(seen) >= EXPECTED and _published(seen) >= 4,
        because="the whole visit is in one trace: issued, called, started, served",
        within=60,
        every=0.5,
    )
    _require_shape(spans, ticket["id"])
    told = json.dumps(spans)
    for secret in (ticket["link"], "pregnant", "priority_reason"):
        assert secret not in told, f"{secret} stands in a trace"
    assert "/v1/visits/" + ticket["link"] not in told


def _published(spans: list[Span]) -> int:
    return sum(one["name"] == "queue.tickets publish" for one in spans)


def _require_shape(spans: list[Span], ticket: str) -> None:
    """Request ⊃ outbox wait and publish ⊃ process, with ticket and topic in their tags."""
    by_id = {one["id"]: one for one in spans}
    (request,) = (one for one in spans if one["name"] == "post /v1/tickets")
    assert request["kind"] == "SERVER"
    process = [one for one in spans if one["name"] == "queue.tickets process"]
    assert process, "no consumer"
    for one in process:
        assert one["kind"] == "CONSUMER"
        publish = by_id[one["parentId"]]
        assert (publish["name"], publish["kind"]) == ("queue.tickets publish", "PRODUCER")
        assert publish["parentId"] in by_id
        assert publish["tags"]["messaging.destination.name"] == "queue.tickets"
        assert publish["tags"]["gerai.subject"] == ticket
        assert publish["timestamp"] + publish["duration"] >= publish["timestamp"]
    waits = [
        one
        for one in spans
        if one["name"] == "outbox wait" and one["localEndpoint"]["serviceName"] == "queue"
    ]
    assert len(waits) >= 4 and all(one["duration"] >= 0 for one in waits)


async def test_no_link_anywhere(ground: Ground, doors: Doors) -> None:
    """Nor in a log, a header of a record, or a metric."""
    ticket = await Kiosk(doors).issue("jejak-dua", priority="small_child")
    await Visitor(doors, link=ticket["link"]).look()
    await Visitor(doors, link="x" + ticket["link"]).ask("GET", f"/v1/visits/x{ticket['link']}")
    rows = ground.collection("outbox").find({"aggregate": f"tickets:{ticket['id']}"})
    async for row in rows:
        assert ticket["link"] not in str(row) and "small_child" not in str(row)
    for door in range(4):
        metrics = await Kiosk(doors).send("GET", "/metrics", door=door)
        assert ticket["link"] not in metrics.text
    for log in (ground.platform.data_dir / "logs").glob("queue*.log"):
        text = log.read_text(errors="replace")
        assert ticket["link"] not in text, f"the link stands in {log.name}"
        assert "small_child" not in text
