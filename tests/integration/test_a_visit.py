"""A day at two counters: every step that a visit can take, as the visitor and the officers see it."""

from collections.abc import Sequence
from typing import Any

import pytest

from gerai.chassis.testing import Subscriber, eventually, read_topic
from gerai.contracts.queue import TicketIssued, TicketNearFront
from tests.integration.ground import Ground
from tests.integration.people import Display, Doors, Kiosk, Officer, Supervisor, Visitor
from tests.integration.register import OTHER_TENANT, TENANT, VISIT_SITE

AT_ONCE = {"recall_limit": 2, "recall_gap_seconds": 0, "guard_minutes": 0}
"""Nobody has to wait for a rule: two calls are enough, and who goes back may be called again."""
ZONE = "lantai-dua"
pytestmark = pytest.mark.timeout(120)


async def _quick_rules(doors: Doors) -> None:
    """Known to every replica, as the zone on its board shows."""
    supervisor = Supervisor(doors)
    path = f"/v1/sites/{VISIT_SITE}/rules"
    known = await supervisor.must("GET", path)
    zones = [{"name": ZONE, "counter_ids": ["temu"]}]
    rules = {**known["rules"], **AT_ONCE, "zones": zones}
    await supervisor.must("PUT", path, rules, headers={"if-match": f'"{known["version"]}"'})
    display = Display(doors)

    async def zone(door: int) -> str:
        board = (await display.send("GET", f"/v1/sites/{VISIT_SITE}/display", door=door)).json()
        return str(next(one["zone"] for one in board["counters"] if one["counter_id"] == "temu"))

    for door in range(len(doors.urls)):
        await eventually(
            lambda door=door: zone(door),
            lambda seen: seen == ZONE,
            because=f"replica {door + 1} knows the rules",
        )


async def _sees(visitor: Visitor, **wanted: Any) -> None:
    """The visitor's page says so within a moment: a line is read once for all who look."""

    async def look() -> dict[str, Any]:
        seen = await visitor.look()
        return {name: seen[name] for name in wanted}

    await eventually(look, lambda seen: seen == wanted, because=f"{visitor.name} sees {wanted}", within=5)


async def _desk_shows(
    officer: Officer, *, ticket: str | None, state: str | None = None, waiting: int, aside: Sequence[str] = ()
) -> None:
    wanted = (ticket, state, waiting, list(aside))

    async def look() -> tuple[str | None, str | None, int, list[str]]:
        desk = await officer.look()
        at_desk = desk["ticket"] or {"number": None, "state": None}
        return (
            at_desk["number"],
            at_desk["state"],
            desk["waiting"],
            [one["number"] for one in desk["aside"]],
        )

    await eventually(look, lambda seen: seen == wanted, because=f"the desk shows {wanted}", within=5)


async def test_a_visit(ground: Ground, doors: Doors) -> None:
    await _quick_rules(doors)
    first, second, third = [await Kiosk(doors, door=door).issue("temu-satu") for door in range(3)]
    one, two, three = [
        Visitor(doors, door=door, link=ticket["link"], name=ticket["number"])
        for door, ticket in enumerate((first, second, third))
    ]
    officer = Officer(doors, desk="temu-1", door=3)
    await officer.sit_down()
    await _sees(one, state="waiting", position=1, people_before=0, leg=1, can_cancel=True)
    await _sees(three, state="waiting", position=3, people_before=2)
    await _desk_shows(officer, ticket=None, waiting=3)

    await _called_and_put_aside(officer, first["number"], one, two)
    await _missed_and_back(officer, second, two, three, aside=first["number"])
    await _sent_on_and_fetched(doors, officer, first, one)
    await _returned_and_served(officer, second, two, three)

    cancelled = await three.cancel()
    assert (cancelled["state"], cancelled["position"], cancelled["can_cancel"]) == ("cancelled", None, False)
    await _desk_shows(officer, ticket=None, waiting=0)
    assert await officer.call_next() is None

    told = await _told(ground, first["id"], second["id"], third["id"])
    await _hours_agree(ground, doors, told)


async def _called_and_put_aside(officer: Officer, number: str, one: Visitor, two: Visitor) -> None:
    called = await officer.call_next()
    assert called is not None and called["number"] == number
    await _sees(one, state="called", position=None, people_before=None, desk="Loket 1", calls=1)
    assert (await officer.do("recall"))["calls"] == 2
    await _sees(one, state="called", calls=2)
    await _sees(two, position=1, people_before=0)
    await officer.do("start")
    await _desk_shows(officer, ticket=number, state="serving", waiting=2)
    await _sees(one, state="serving", can_cancel=False)
    await officer.do("hold", reason="copy_documents")
    await _desk_shows(officer, ticket=None, waiting=2, aside=[number])
    await _sees(one, state="held", desk=None, can_cancel=True)


async def _missed_and_back(
    officer: Officer, ticket: dict[str, Any], two: Visitor, three: Visitor, *, aside: str
) -> None:
    """Two calls, nobody comes; a minute later the visitor is there, and stands where the old place was."""
    called = await officer.call_next()
    assert called is not None and called["id"] == ticket["id"]
    await officer.do("recall")
    await officer.do("no-show")
    await _sees(two, state="no_show", position=None)
    await _sees(three, position=1)
    await officer.reinstate(ticket["id"])
    await _sees(two, state="waiting", position=1)
    await _sees(three, position=2, people_before=1)
    await _desk_shows(officer, ticket=None, waiting=2, aside=[aside])


async def _sent_on_and_fetched(doors: Doors, officer: Officer, ticket: dict[str, Any], one: Visitor) -> None:
    """From one counter to the next with the same number; there something is made, and fetched."""
    number = ticket["number"]
    await officer.do("resume", ticket_id=ticket["id"])
    await officer.do("start")
    await officer.do("transfer", service_id="lanjut-satu")
    await _desk_shows(officer, ticket=None, waiting=2)
    await _sees(one, number=number, state="waiting", counter="Gerai lanjut", leg=2, position=1, calls=0)
    colleague = Officer(doors, desk="lanjut-1", door=2)
    await colleague.sit_down()
    called = await colleague.call_next()
    assert called is not None and (called["id"], called["leg"]) == (ticket["id"], 2)
    await colleague.do("start")
    await colleague.do("await-pickup")
    await _sees(one, state="awaiting_pickup", can_cancel=False)
    await _desk_shows(colleague, ticket=None, waiting=0, aside=[number])
    await colleague.do("resume", ticket_id=ticket["id"])
    await colleague.do("start")
    await colleague.do("finish")
    await _sees(one, state="served", position=None, desk=None)
    await _desk_shows(colleague, ticket=None, waiting=0)


async def _returned_and_served(
    officer: Officer, ticket: dict[str, Any], two: Visitor, three: Visitor
) -> None:
    called = await officer.call_next()
    assert called is not None and called["id"] == ticket["id"]
    await officer.do("return", reason="not_ready")
    await _sees(two, state="waiting", position=1)
    await _sees(three, position=2)
    again = await officer.call_next()
    assert again is not None and again["id"] == ticket["id"], "the old place was kept"
    await officer.do("start")
    await officer.do("finish")
    await _sees(two, state="served")


async def _told(ground: Ground, *tickets: str) -> Subscriber:
    """What another institution heard: every step, once, in order."""
    await eventually(ground.backlog, lambda left: left == 0, because="it is told", within=30)
    told = await read_topic(ground.platform.kafka_bootstrap, "queue.tickets")
    lives: dict[str, list[str]] = {ticket: [] for ticket in tickets}
    for envelope in told.by_id.values():
        if envelope.subject in lives and not isinstance(envelope.event, TicketNearFront):
            lives[envelope.subject].append(
                envelope.event.type.removeprefix("queue.ticket-").removesuffix(".v1")
            )
    served = "called serving-started"
    assert [" ".join(life) for life in lives.values()] == [
        f"issued called recalled serving-started held resumed serving-started transferred {served}"
        " awaiting-pickup resumed serving-started served",
        f"issued called recalled missed reinstated called returned {served} served",
        "issued cancelled",
    ]
    return told


async def _hours_agree(ground: Ground, doors: Doors, told: Subscriber) -> None:
    """The example service, over HTTP: each regency's tickets are counted, and shown to nobody else."""
    urls = ground.platform.urls("hourly")
    for tenant in (TENANT, OTHER_TENANT):
        officer = Officer(Doors(urls, ground.platform.token, doors.exits), desk="none", tenant=tenant)
        issued = sum(
            isinstance(one.event, TicketIssued) and one.event.tenant == tenant for one in told.by_id.values()
        )

        async def shown(officer: Officer = officer) -> tuple[int, set[str]]:
            hours = (await officer.must("GET", "/v1/hours"))["items"]
            return sum(one["tickets"] for one in hours), {one["tenant"] for one in hours}

        await eventually(
            shown,
            lambda seen, wanted=(issued, {tenant} if issued else set()): seen == wanted,
            because=f"{issued} tickets of {tenant} are counted",
            within=30,
        )
