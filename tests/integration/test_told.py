"""A visitor who gave the kiosk a party is told of the ticket and of the call, once, in the own language."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gerai.chassis.testing import eventually
from gerai.notification.adapters.definition_files import read_definitions
from tests.integration.ground import Ground
from tests.integration.people import Doors, Kiosk, Officer, Supervisor

pytestmark = pytest.mark.timeout(120)
SHIPPED = Path(__file__).parents[2] / "services/notification/definitions"


async def test_a_visitor_is_told_of_the_ticket_and_of_the_call(ground: Ground, doors: Doors) -> None:
    async with AsyncExitStack() as exits:
        telling = Doors(ground.platform.urls("notification"), ground.platform.token, exits)
        supervisor, desk = Supervisor(telling), Kiosk(telling)
        shipped = read_definitions(SHIPPED.glob("*.yaml")).model_dump(mode="json")
        await supervisor.must("POST", "/v1/definitions?dry_run=true", shipped)
        imported = await supervisor.must("POST", "/v1/definitions", shipped)
        assert imported["rules"] == len(shipped["rules"])
        party = await desk.must("POST", "/v1/parties", {"language": "en"})
        kiosk, officer = Kiosk(doors), Officer(doors, desk="kios-1")
        ticket = await kiosk.must(
            "POST", "/v1/tickets", {"service_id": "kios-nomor", "party_id": party["id"]}
        )
        await officer.sit_down()
        called = await officer.call_next()
        while called is not None and called["id"] != ticket["id"]:  # others of this platform stand before
            await officer.do("no-show")
            called = await officer.call_next()
        assert called is not None

        async def inbox() -> list[str]:
            page: dict[str, Any] = await desk.must("GET", f"/v1/parties/{party['id']}/inbox")
            return sorted(item["title"] for item in page["items"])

        expected = sorted((f"Number {ticket['number']}", f"Number {ticket['number']} is called"))
        await eventually(inbox, lambda seen: seen == expected, because="both messages are there", within=30)
        page = await supervisor.must("GET", f"/v1/notifications?about=ticket:{ticket['id']}")
        assert [found["state"] for found in page["items"]] == ["delivered", "delivered"]
