"""The routes as a client sees them, through the real application on the in-memory twin."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from queue_builders import MORNING, TODAY, minutes, said
from queue_display import listening
from queue_front_door import Client, Door, front_door

from gerai.chassis.arguments import Arguments
from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.domain.priority import PriorityReason
from gerai.queue.domain.reason_code import ReasonCode
from gerai.queue.domain.rules import SiteRules
from gerai.queue.domain.ticket import Ticket
from gerai.register.testing import SMALL, tell


@pytest.fixture
async def storage() -> MemoryStorage:
    return tell(MemoryStorage(), *SMALL)


@pytest.fixture
async def door(storage: MemoryStorage) -> AsyncIterator[Door]:
    async with front_door(storage) as found:
        await refreshed(found)
        yield found


async def refreshed(door: Door) -> None:
    """The catalogue is read as at the start of a process."""
    run = door.background("register")
    await run.__self__.refresh()


@pytest.fixture
def kiosk(door: Door) -> Client:
    return Client(door, "kiosk")


@pytest.fixture
def officer(door: Door) -> Client:
    return Client(door, "officer")


class TestIssuing:
    async def test_gives_a_number_and_a_secret_link(self, kiosk: Client):
        answer = await kiosk.posts("/v1/tickets", {"service_id": "nib", "priority_reason": "elderly"})
        assert answer.status_code == 201
        body = answer.json()
        assert (body["number"], body["state"], body["priority_class"]) == ("A-001", "waiting", "priority")
        id, _, secret = body["link"].partition(".")
        assert id == body["id"]
        assert len(secret) == 22
        assert answer.headers["etag"] == '"1"'
        assert "elderly" not in answer.text

    async def test_a_repeated_request_gives_the_same_ticket(self, kiosk: Client, storage: MemoryStorage):
        first = await kiosk.posts("/v1/tickets", {"service_id": "nib"}, key="double-tap-1")
        again = await kiosk.posts("/v1/tickets", {"service_id": "nib"}, key="double-tap-1")
        assert again.content == first.content
        assert again.status_code == 201
        assert again.headers["idempotency-replayed"] == "true"
        assert len(storage.aggregates[Ticket]) == 1

    async def test_the_same_key_for_another_service_is_refused(self, kiosk: Client):
        await kiosk.posts("/v1/tickets", {"service_id": "nib"}, key="double-tap-1")
        again = await kiosk.posts("/v1/tickets", {"service_id": "izin"}, key="double-tap-1")
        assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")

    async def test_a_closed_service_says_why(self, door: Door, kiosk: Client):
        door.clock.at = MORNING + timedelta(days=4)
        answer = await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        assert (answer.status_code, answer.json()["code"]) == (409, "day_closed")
        assert answer.json()["field"] == "service_id"

    async def test_speaks_indonesian_by_default(self, door: Door):
        door.clock.at = MORNING - timedelta(hours=2)
        answer = await Client(door, "kiosk", language="fr").posts("/v1/tickets", {"service_id": "nib"})
        assert answer.json()["title"] == "Belum buka; buka pukul 08:00."

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({}, "missing", "service_id"),
            ({"service_id": "nib", "colour": "red"}, "unknown_field", "colour"),
            ({"service_id": 7}, "invalid", "service_id"),
            ({"service_id": "nib\u0000"}, "invalid", "service_id"),
            ({"service_id": "nib", "priority_reason": "important"}, "invalid", "priority_reason"),
            ({"service_id": "nib", "party_id": "7413015708950001"}, "invalid", "party_id"),
            ({"service_id": "nib", "party_id": "0812-3456-7890"}, "invalid", "party_id"),
            (
                {"service_id": "nib", "party_id": "siti-rahmawati-istri-pak-la-ode-hasan"},
                "invalid",
                "party_id",
            ),
            ({"service_id": "nib", "party_id": "9d6a3f7e52c44e0b8f437b1a20c5e9d8"}, "invalid", "party_id"),
        ],
    )
    async def test_a_bad_body_names_the_field(self, kiosk: Client, storage, body, code, field):
        answer = await kiosk.posts("/v1/tickets", body)
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
        assert not storage.aggregates[Ticket]

    async def test_what_does_not_exist_and_what_is_anothers_look_alike(self, door: Door, kiosk: Client):
        stranger = Client(door, "kiosk", tenant="buton")
        unknown = await kiosk.posts("/v1/tickets", {"service_id": "no-such"})
        foreign = await stranger.posts("/v1/tickets", {"service_id": "nib"})
        assert (unknown.status_code, foreign.status_code) == (404, 404)
        assert unknown.json()["code"] == foreign.json()["code"]

    @pytest.mark.parametrize("tenant", ["muna-barat", "buton"])
    async def test_a_site_that_does_not_exist_and_one_of_anothers_look_alike(self, door: Door, tenant: str):
        site = "no-such" if tenant == "muna-barat" else "mpp"
        supervisor = Client(door, "supervisor", tenant=tenant)
        for path in ("availability", "rules", "display", "display/feed"):
            answer = await supervisor.gets(f"/v1/sites/{site}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        answer = await supervisor.puts(f"/v1/sites/{site}/rules", {"near_front": 2}, etag='"0"')
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


class TestTheWayOfACommand:
    async def test_no_step_of_a_visit_takes_fastapis_longer_way(self, door: Door):
        """It would cost each of them a third more; whoever adds a parameter there learns it here."""
        posts = [one for group in door.components.routes for one in group if one.method == "POST"]
        assert posts
        assert [one.path for one in posts if Arguments.of(one) is None] == []


class TestPermissions:
    @pytest.mark.parametrize(
        ("role", "path", "body"),
        [
            ("display", "/v1/tickets", {"service_id": "nib"}),
            ("kiosk", "/v1/desks/loket-1/call-next", None),
            ("officer", "/v1/services/nib/close", None),
            ("officer", "/v1/tickets/some-id/cancel", None),
            ("registrar", "/v1/desks/loket-1/open", None),
        ],
    )
    async def test_a_missing_role_is_forbidden(self, door: Door, role, path, body):
        answer = await Client(door, role).posts(path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    async def test_without_a_token_there_is_only_the_visitors_page(self, door: Door):
        visitor = Client(door, None)
        assert (await visitor.posts("/v1/tickets", {"service_id": "nib"})).status_code == 401
        assert (await visitor.gets("/v1/visits/AAAAAAAAAAAAAAAAAAAAAA")).status_code == 404


class TestVisit:
    async def test_shows_the_place_without_a_login(self, door: Door, kiosk: Client):
        await kiosk.posts("/v1/tickets", {"service_id": "izin"})
        link = (await kiosk.posts("/v1/tickets", {"service_id": "nib"})).json()["link"]
        await kiosk.posts("/v1/tickets", {"service_id": "nib", "priority_reason": "pregnant"})
        answer = await Client(door, None).gets(f"/v1/visits/{link}")
        body = answer.json()
        assert (body["number"], body["people_before"], body["position"]) == ("A-001", 2, 3)
        assert "pregnant" not in answer.text
        assert "id" not in body

    async def test_who_knows_the_ticket_but_not_the_secret_sees_nothing(self, door: Door, kiosk: Client):
        ticket = (await kiosk.posts("/v1/tickets", {"service_id": "nib"})).json()
        visitor = Client(door, None)
        for guess in (ticket["id"], f"{ticket['id']}.", f"{ticket['id']}.{'A' * 22}", ticket["link"][:-1]):
            assert (await visitor.gets(f"/v1/visits/{guess}")).status_code == 404
            assert (await visitor.posts(f"/v1/visits/{guess}/cancel")).status_code == 404
        assert (await visitor.gets(f"/v1/visits/{ticket['link']}")).json()["state"] == "waiting"

    async def test_an_unchanged_place_is_not_sent_again(self, door: Door, kiosk: Client):
        link = (await kiosk.posts("/v1/tickets", {"service_id": "nib"})).json()["link"]
        visitor = Client(door, None)
        seen = (await visitor.gets(f"/v1/visits/{link}")).headers["etag"]
        named = {seen: 304, f"W/{seen}": 304, f'"another", {seen}': 304, "*": 304}
        for etag, status in (named | {'"another"': 200, seen.strip('"'): 200}).items():
            answer = await visitor.gets(f"/v1/visits/{link}", headers={"if-none-match": etag})
            assert answer.status_code == status, etag
        await visitor.posts(f"/v1/visits/{link}/cancel")
        changed = await visitor.gets(f"/v1/visits/{link}", headers={"if-none-match": seen})
        assert (changed.status_code, changed.json()["state"]) == (200, "cancelled")

    async def test_has_the_same_fields_in_every_state(self, door: Door, kiosk: Client, officer: Client):
        link = (await kiosk.posts("/v1/tickets", {"service_id": "nib"})).json()["link"]
        visitor = Client(door, None)
        shapes = [(await visitor.gets(f"/v1/visits/{link}")).json()]
        await officer.posts("/v1/desks/loket-1/open")
        for step in ("call-next", "start", "finish"):
            await officer.posts(f"/v1/desks/loket-1/{step}")
            shapes.append((await visitor.gets(f"/v1/visits/{link}")).json())
        assert len({tuple(one) for one in shapes}) == 1
        assert [one["desk"] for one in shapes] == [None, "Loket 1", "Loket 1", None]


class TestDesk:
    async def test_serves_a_visitor_to_the_end(self, door: Door, kiosk: Client, officer: Client):
        await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        states = []
        for step in ("call-next", "recall", "start", "finish"):
            door.clock.at += minutes(1)
            answer = await officer.posts(f"/v1/desks/loket-1/{step}")
            assert answer.status_code == 200, answer.text
            states.append(answer.json()["state"])
        assert states == ["called", "called", "serving", "served"]
        assert answer.json()["wait_seconds"] == 120

    async def test_a_repeated_call_does_not_call_the_next_one(self, kiosk: Client, officer: Client):
        for _ in range(2):
            await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        first = await officer.posts("/v1/desks/loket-1/call-next", key="call-key-1")
        again = await officer.posts("/v1/desks/loket-1/call-next", key="call-key-1")
        assert first.json() == again.json()

    async def test_an_illegal_step_says_which_state_it_is(self, kiosk: Client, officer: Client):
        await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        await officer.posts("/v1/desks/loket-1/call-next")
        answer = await officer.posts("/v1/desks/loket-1/finish")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
        assert answer.json()["details"]["state"] == "called"

    async def test_is_shown_with_its_line_and_what_is_aside(self, kiosk: Client, officer: Client):
        for _ in range(3):
            await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        await officer.posts("/v1/desks/loket-1/call-next")
        held = (await officer.posts("/v1/desks/loket-1/hold", {"reason": "copy_documents"})).json()
        await officer.posts("/v1/desks/loket-1/call-next")
        seen = (await officer.gets("/v1/desks/loket-1")).json()
        assert (seen["ticket"]["number"], seen["waiting"]) == ("A-002", 1)
        assert [one["id"] for one in seen["aside"]] == [held["id"]]

    @pytest.mark.parametrize("reason", ["Ibu Siti, NIK 7413", "pregnant", "elderly", "", 7])
    async def test_a_reason_is_a_code_of_the_list_and_no_word_of_ones_own(
        self, door: Door, officer: Client, reason
    ):
        supervisor = Client(door, "supervisor")
        for step, more in (
            ("hold", {}),
            ("return", {}),
            ("await-pickup", {}),
            ("transfer", {"service_id": "nib"}),
        ):
            answer = await officer.posts(f"/v1/desks/loket-1/{step}", {"reason": reason, **more})
            assert (answer.status_code, answer.json()["field"]) == (422, "reason")
        for path in ("/v1/tickets/some-id/cancel", "/v1/services/nib/close"):
            answer = await supervisor.posts(path, {"reason": reason})
            assert (answer.status_code, answer.json()["field"]) == (422, "reason")

    def test_no_code_is_a_reason_of_priority(self):
        assert not {one.value for one in ReasonCode} & {one.value for one in PriorityReason}

    async def test_a_reason_is_told_as_it_was_sent(
        self, kiosk: Client, officer: Client, storage: MemoryStorage
    ):
        party = "9d6a3f7e-52c4-4e0b-8f43-7b1a20c5e9d8"
        await kiosk.posts("/v1/tickets", {"service_id": "nib", "party_id": party})
        await officer.posts("/v1/desks/loket-1/open")
        await officer.posts("/v1/desks/loket-1/call-next")
        await officer.posts("/v1/desks/loket-1/hold", {"reason": "documents_missing"})
        assert said(storage.outbox, "queue.ticket-held.v1")[0]["reason"] == "documents_missing"
        assert said(storage.outbox, "queue.ticket-issued.v1")[0]["party_id"] == party


@pytest.mark.parametrize(
    ("path", "role", "sentence"),
    [
        ("/v1/tickets/nobody", "officer", "Data nomor antrean tidak ditemukan."),
        ("/v1/desks/nowhere", "officer", "Data loket tidak ditemukan."),
        ("/v1/sites/nowhere/rules", "officer", "Data MPP tidak ditemukan."),
    ],
)
async def test_what_is_not_there_is_called_as_people_call_it(door: Door, path: str, role: str, sentence: str):
    answer = await Client(door, role, language="id").gets(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert sentence in answer.text


class TestOffice:
    async def test_rules_have_a_version_that_must_be_known_to_change_them(self, door: Door):
        supervisor = Client(door, "supervisor")
        read = await supervisor.gets("/v1/sites/mpp/rules")
        assert (read.headers["etag"], read.json()["rules"]["priority_in_a_row"]) == ('"0"', 3)
        changed = await supervisor.puts("/v1/sites/mpp/rules", {"priority_in_a_row": 2}, etag='"0"')
        assert (changed.status_code, changed.headers["etag"]) == (200, '"1"')
        stale = await supervisor.puts("/v1/sites/mpp/rules", {}, etag='"0"')
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
        assert (await supervisor.puts("/v1/sites/mpp/rules", {}, etag=None)).status_code == 428
        read = await supervisor.gets("/v1/sites/mpp/rules")
        assert (read.headers["etag"], read.json()["rules"]["priority_in_a_row"]) == ('"1"', 2)

    async def test_rules_that_are_sent_again_unchanged_keep_their_version(self, door: Door):
        supervisor, rules = Client(door, "supervisor"), {"priority_in_a_row": 2}
        assert (await supervisor.puts("/v1/sites/mpp/rules", rules, etag='"0"')).headers["etag"] == '"1"'
        again = await supervisor.puts("/v1/sites/mpp/rules", rules, etag='"1"')
        read = await supervisor.gets("/v1/sites/mpp/rules")
        assert again.headers["etag"] == read.headers["etag"] == '"1"'
        assert again.json()["version"] == 1

    async def test_rules_that_a_site_has_set_are_the_ones_that_hold(
        self, door: Door, kiosk: Client, officer: Client
    ):
        rules = {"recall_limit": 2, "recall_gap_seconds": 45, "guard_minutes": 2, "reinstate_minutes": 25}
        supervisor = Client(door, "supervisor")
        changed = await supervisor.puts("/v1/sites/mpp/rules", rules, etag='"0"')
        assert changed.status_code == 200
        await refreshed(door)
        await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        called = (await officer.posts("/v1/desks/loket-1/call-next")).json()
        door.clock.at += timedelta(seconds=45)
        refused = await officer.posts("/v1/desks/loket-1/no-show")
        assert (refused.status_code, refused.json()["details"]["limit"]) == (409, 2)
        await officer.posts("/v1/desks/loket-1/recall")
        last_call = door.clock.at
        door.clock.at += timedelta(seconds=45)
        assert (await officer.posts("/v1/desks/loket-1/no-show")).json()["state"] == "no_show"
        door.clock.at = last_call + minutes(26)
        late = await officer.posts(f"/v1/tickets/{called['id']}/reinstate")
        assert (late.status_code, late.json()["code"]) == (409, "too_late")
        door.clock.at = last_call + minutes(1)
        back = (await officer.posts(f"/v1/tickets/{called['id']}/reinstate")).json()
        assert datetime.fromisoformat(back["callable_from"]) == last_call + minutes(2)
        assert (await officer.posts("/v1/desks/loket-1/call-next")).json()["code"] == "nobody_waiting"
        door.clock.at = last_call + minutes(2)
        assert (await officer.posts("/v1/desks/loket-1/call-next")).json()["id"] == called["id"]

    @pytest.mark.parametrize("rules", [{"recall_limit": 0}, {"overnight": "burn"}, {"near_fron": 3}])
    async def test_senseless_rules_are_refused(self, door: Door, rules):
        answer = await Client(door, "supervisor").puts("/v1/sites/mpp/rules", rules, etag='"0"')
        assert answer.status_code == 422

    @pytest.mark.parametrize("id", ["", "samsat\0", "\u202esamsat", "Samsat", "sam sat", "s" * 65])
    async def test_a_display_zone_has_counters_as_the_register_calls_them(self, door: Door, id: str):
        rules = {"zones": [{"name": "lantai-1", "counter_ids": ["dpmptsp", id]}]}
        answer = await Client(door, "supervisor").puts("/v1/sites/mpp/rules", rules, etag='"0"')
        assert (answer.status_code, answer.json()["field"]) == (422, "zones.0.counter_ids.1")

    async def test_a_display_zone_that_was_kept_before_stays_readable(self):
        zones = [{"name": "lantai-1", "counter_ids": ["DPMPTSP", ""]}]
        kept = {"_id": "mpp", "tenant": "muna-barat", "version": 3, "rules": {"zones": zones}}
        assert SiteRules.from_document(kept).rules.zones[0].counter_ids == ("DPMPTSP", "")

    async def test_availability_names_the_code_of_each_service(self, door: Door):
        supervisor = Client(door, "supervisor")
        await supervisor.posts("/v1/services/izin/close", {"reason": "no_staff"})
        listed = (await supervisor.gets("/v1/sites/mpp/availability")).json()
        found = {one["service_id"]: one["availability"] for one in listed}
        assert found == {"nib": "available", "izin": "manual_closed", "pajak": "available"}
        assert {one["local_day"] for one in listed} == {TODAY}

    async def test_the_board_shows_the_called_and_the_next(self, kiosk: Client, officer: Client):
        for _ in range(5):
            await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        await officer.posts("/v1/desks/loket-1/call-next")
        board = (await officer.gets("/v1/sites/mpp/display")).json()
        assert [(one["number"], one["desk"], one["zone"]) for one in board["called"]] == [
            ("A-001", "Loket 1", "main")
        ]
        (counter,) = [one for one in board["counters"] if one["counter_id"] == "dpmptsp"]
        assert (counter["waiting"], counter["open_desks"]) == (4, 1)
        assert [one["number"] for one in counter["next"]] == ["A-002", "A-003", "A-004"]

    async def test_the_board_dates_a_number_of_another_day(self, door: Door, kiosk: Client, officer: Client):
        await kiosk.posts("/v1/tickets", {"service_id": "nib"})
        await officer.posts("/v1/desks/loket-1/open")
        called = (await officer.posts("/v1/desks/loket-1/call-next")).json()
        days = []
        for _ in range(2):
            board = (await officer.gets("/v1/sites/mpp/display")).json()
            days.append([(one["number"], one["local_day"]) for one in board["called"]])
            door.clock.at += timedelta(days=1)
        assert days == [[(called["number"], None)], [(called["number"], TODAY)]]


async def test_a_feed_ends_with_its_token_and_no_other(door: Door) -> None:
    """A token counts some seconds longer than it says, so that clocks may differ."""
    async with listening(door) as other, listening(door, expires_in=-3) as display:
        await display.until(lambda seen: seen.ended)
        assert display.heard[0][1] == "snapshot"
        assert not other.ended
        async with listening(door, last_id=display.last_id) as again:
            assert again.status == 200


async def test_the_routes_describe_themselves_with_examples_that_work(kiosk: Client, door: Door):
    described = (await kiosk.gets("/openapi.json")).json()
    feed = described["paths"]["/v1/sites/{site_id}/display/feed"]["get"]
    assert "text/event-stream" in feed["responses"]["200"]["content"]
    example = described["components"]["schemas"]["IssueTicket"]["examples"][0]
    answer = await kiosk.posts("/v1/tickets", example)
    assert answer.status_code == 404  # a service of Muna Barat's mall: well formed, and not in this one
