"""64 kiosks and 64 desks at once, on four replicas."""

import asyncio
import itertools
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from gerai.chassis.testing import Subscriber, eventually, read_topic
from gerai.contracts.queue import TicketCalled, TicketIssued
from tests.integration.crowd import call_until_empty, draw_numbers, put_aside, seated
from tests.integration.ground import Ground
from tests.integration.line_rule import Call, Place, broken_rules
from tests.integration.people import Doors, Kiosk
from tests.integration.register import CROWD_DESKS

TICKETS = 2_000
LIMITED = 400
"""Of them at the service with a limit: overdue after two minutes of business time."""
pytestmark = pytest.mark.timeout(240)


def _numbers(issued: list[dict[str, Any]], service: str) -> list[int]:
    return sorted(int(one["number"].split("-")[1]) for one in issued if one["service_id"] == service)


async def _told(ground: Ground) -> Subscriber:
    await eventually(ground.backlog, lambda left: left == 0, because="all events are published", within=60)
    return await read_topic(ground.platform.kafka_bootstrap, "queue.tickets")


async def test_64_kiosks_then_64_desks(ground: Ground, doors: Doors) -> None:
    """Numbers 1…n; then each ticket is called exactly once, by the rules, whoever asks."""
    services = ["ramai-biasa"] * (TICKETS - LIMITED) + ["ramai-batas"] * LIMITED
    issued = await draw_numbers(
        doors, services[::7] + [one for i, one in enumerate(services) if i % 7], seed=1
    )
    assert _numbers(issued, "ramai-biasa") == list(range(1, TICKETS - LIMITED + 1))
    assert _numbers(issued, "ramai-batas") == list(range(1, LIMITED + 1))

    called = await call_until_empty(await seated(doors, "ramai", CROWD_DESKS), put_aside)
    assert not doors.refused or {code for _, _, code in doors.refused} == {"nobody_waiting"}
    times = Counter(one["id"] for one in called)
    assert set(times) == {one["id"] for one in issued}, "somebody was skipped"
    assert set(times.values()) == {1}, f"called twice: {[id for id, n in times.items() if n > 1]}"

    told = await _told(ground)
    line, calls = _line_of(told, "ramai")
    assert sorted(call.sequence for call in calls) == list(range(1, TICKETS + 1))
    assert broken_rules(line, calls) == []


def _line_of(told: Subscriber, counter: str) -> tuple[list[Place], list[Call]]:
    line: list[Place] = []
    calls: list[Call] = []
    for envelope in told.by_id.values():
        event = envelope.event
        if isinstance(event, TicketIssued) and event.counter_id == counter:
            limit = timedelta(minutes=2) if event.service_id == "ramai-batas" else None
            line.append(
                Place(
                    ticket=event.ticket_id,
                    n=int(event.number.split("-")[1]),
                    priority=event.priority_class == "priority",
                    arrived=envelope.time,
                    overdue_at=envelope.time + limit if limit else None,
                )
            )
        elif isinstance(event, TicketCalled) and event.counter_id == counter:
            calls.append(Call(event.ticket_id, event.line_sequence, envelope.time))
    return line, calls


async def test_a_repeated_request_is_the_same_ticket(ground: Ground, doors: Doors) -> None:
    """Retried at once at all replicas, and again later: one ticket, one number, and no gap after it."""
    kiosk = Kiosk(doors)
    body = {"service_id": "kios-nomor"}

    async def draw(number: int) -> set[tuple[str, str, str]]:
        key = f"{kiosk.name}-{number}"
        answers = await asyncio.gather(
            *(kiosk.send("POST", "/v1/tickets", body, key=key, door=door) for door in range(4) for _ in "ab")
        )
        answers.append(await kiosk.send("POST", "/v1/tickets", body, key=key, door=number))
        assert {answer.status_code for answer in answers} == {201}, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1
        replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
        assert replayed.count(None) == 1, "exactly one of them made the ticket"
        return {(one["id"], one["number"], one["link"]) for one in (answer.json() for answer in answers)}

    before = await ground.collection("tickets").count_documents({"service_id": "kios-nomor"})
    drawn = await asyncio.gather(*(draw(number) for number in range(40)))
    assert all(len(one) == 1 for one in drawn)
    numbers = sorted(number for ((_, number, _),) in drawn)
    assert numbers == [f"C-{n:03d}" for n in range(before + 1, before + 41)]
    assert await ground.collection("tickets").count_documents({"service_id": "kios-nomor"}) == before + 40


async def test_the_same_key_with_another_body_is_refused(doors: Doors) -> None:
    """At once, at two replicas: one of the two wins, the other is told so."""
    kiosk = Kiosk(doors)
    outcomes = []
    for number, key in ((one, f"{kiosk.name}-{one}") for one in range(20)):
        answers = await asyncio.gather(
            kiosk.send("POST", "/v1/tickets", {"service_id": "kios-nomor"}, key=key, door=number),
            kiosk.send("POST", "/v1/tickets", {"service_id": "tahan-satu"}, key=key, door=number + 1),
        )
        outcomes.append(sorted((one.status_code, one.json().get("code")) for one in answers))
    assert all(one == [(201, None), (422, "idempotency_key_reused")] for one in outcomes), list(
        itertools.islice(outcomes, 5)
    )
