"""Taking a number, on the in-memory twin."""

import asyncio
import hashlib
from datetime import date

import pytest
from queue_builders import MORNING, TODAY, Hall, catalogue, minutes, said

from gerai.contracts import registry as language
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.refusal import Refusal, UnableToFind
from gerai.messaging.storage import IdempotencyKey, KeyKind, StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import RangeEnd, Rules
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.close_service import close_service, reopen_service
from gerai.queue.use_cases.issue_ticket import IssueTicket, issue_ticket
from gerai.queue.use_cases.show_availability import show_availability
from gerai.register.testing import SMALL, TENANT, calendar, counter, entries, holiday, service, site


async def availability(hall: Hall, service_id: str) -> str:
    """What a visitor is told before taking a number."""
    shown = await show_availability("mpp", uow=hall.queries, at=MORNING, catalogue=hall.catalogue)
    return next(one.availability.value for one in shown if one.service_id == service_id)


class TestNumbers:
    async def test_have_no_gap_and_no_twin_however_many_kiosks_ask(self, hall: Hall):
        issued = await asyncio.gather(*(hall.issues("nib") for _ in range(100)))
        assert sorted(ticket.number for ticket in issued) == [f"A-{n:03d}" for n in range(1, 101)]
        assert len({ticket.link for ticket in issued}) == 100

    async def test_are_each_services_own(self, hall: Hall):
        numbers = [(await hall.issues(id)).number for id in ("nib", "izin", "nib", "pajak")]
        assert numbers == ["A-001", "B-001", "A-002", "C-001"]

    async def test_start_again_on_the_sites_next_day(self, hall: Hall):
        await hall.issues("nib")
        tomorrow = await hall.issues("nib", at=MORNING + minutes(24 * 60))
        assert (tomorrow.number, tomorrow.local_day) == ("A-001", "2026-11-25")

    async def test_of_a_refused_request_are_not_lost(self, hall: Hall):
        await hall.issues("nib")
        with pytest.raises(Refusal):
            await hall.issues("nib", at=MORNING + minutes(600))
        assert (await hall.issues("nib")).number == "A-002"

    async def test_go_on_after_the_range_where_the_site_extends_it(self, hall: Hall):
        hall.catalogue = catalogue(service(number_range_end=1))
        assert [(await hall.issues("nib")).number for _ in range(2)] == ["A-001", "A-002"]

    async def test_end_with_the_range_where_the_site_says_so(self, hall: Hall):
        hall.catalogue = catalogue(service(number_range_end=1), rules=Rules(range_end=RangeEnd.REFUSE))
        assert await availability(hall, "nib") == "available"
        await hall.issues("nib")
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib")
        assert refused.value.code == "numbers_used_up"
        assert await availability(hall, "nib") == "numbers_used_up"


class TestPrefix:
    """The registry lets a prefix change; the numbers that people hold do not."""

    async def test_is_the_one_of_the_first_number_all_day(self, hall: Hall):
        await hall.issues("nib")
        await hall.issues("izin")
        hall.catalogue = catalogue(service(prefix="B"), service("izin", prefix="A"))
        assert [(await hall.issues(id)).number for id in ("nib", "izin")] == ["A-002", "B-002"]
        tomorrow = MORNING + minutes(24 * 60)
        assert [(await hall.issues(id, at=tomorrow)).number for id in ("nib", "izin")] == ["B-001", "A-001"]

    async def test_that_another_service_used_today_is_not_begun_with(self, hall: Hall):
        await hall.issues("nib")
        hall.catalogue = catalogue(service(prefix="B"), service("izin", prefix="A"))
        with pytest.raises(Refusal) as refused:
            await hall.issues("izin")
        assert refused.value.code == "prefix_in_use"
        assert await availability(hall, "izin") == "prefix_in_use"
        assert (
            await hall.acts(close_service, "izin", at=MORNING, reason=None)
        ).availability == "manual_closed"
        assert (await hall.acts(reopen_service, "izin", at=MORNING)).availability == "prefix_in_use"
        assert (await hall.issues("izin", at=MORNING + minutes(24 * 60))).number == "A-001"

    async def test_of_another_site_does_not_count(self, hall: Hall):
        await hall.issues("nib")
        elsewhere = (
            site(id="raha"),
            counter("raha-satu", site_id="raha"),
            service("raha-nib", site_id="raha", counter_id="raha-satu"),
            calendar("site:raha"),
        )
        hall.catalogue = catalogue(*elsewhere)
        assert (await hall.issues("raha-nib")).number == "A-001"

    async def test_of_a_day_that_was_begun_before_prefixes_were_kept_is_the_present_one(self, hall: Hall):
        await hall.issues("nib")
        hall.storage.aggregates[ServiceDay].documents[f"nib:{TODAY}"]["prefix"] = ""
        assert (await hall.issues("nib")).number == "A-002"


class TestRepeating:
    async def test_with_the_same_key_gives_the_same_ticket(self, hall: Hall):
        idempotency_key = IdempotencyKey(kind=KeyKind.IDEMPOTENCY, key="kiosk:double-tap", fingerprint="f")
        command = IssueTicket(service_id="nib")

        async def tap(uow: UnitOfWork) -> StoredAnswer:
            view = await issue_ticket(uow, MORNING, command, catalogue=hall.catalogue)
            return StoredAnswer(body=view.model_dump_json().encode())

        first, second = [
            await hall.commit.execute(tap, context=hall.context("kiosk"), idempotency_key=idempotency_key)
            for _ in range(2)
        ]
        assert first.body == second.body
        assert (first.repeated, second.repeated) == (False, True)
        assert len(hall.storage.aggregates[Ticket]) == 1


class TestRefusals:
    async def test_carry_the_code_of_the_first_check(self, hall: Hall):
        hall.catalogue = catalogue(calendar(holidays=(holiday(date(2026, 11, 24), "Hari Guru"),)))
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib")
        assert refused.value.code == "holiday"
        assert refused.value.text("id").startswith("Hari ini libur: Hari Guru; buka lagi Rabu 25 November")

    async def test_quota_counts_the_days_numbers(self, hall: Hall):
        hall.catalogue = catalogue(service(daily_quota=2))
        await asyncio.gather(*(hall.issues("nib") for _ in range(2)))
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib")
        assert refused.value.code == "quota_reached"

    async def test_a_service_whose_site_was_not_told_yet_is_closed(self, hall: Hall):
        """The topics of the register come independently."""
        hall.catalogue = Catalogue(entries(one for one in SMALL if not isinstance(one, language.SiteChanged)))
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib")
        assert (refused.value.code, refused.value.field) == ("service_closed", "service_id")

    async def test_another_regencys_service_is_not_there(self, hall: Hall):
        stranger = Hall(hall.storage, hall.commit, hall.catalogue, tenant="buton")
        with pytest.raises(UnableToFind):
            await stranger.issues("nib")

    @pytest.mark.parametrize("code", ["manual_closed"])
    async def test_the_office_closes_a_service_for_the_day_and_reopens_it(self, hall: Hall, code: str):
        await hall.acts(close_service, "nib", at=MORNING, reason="system_down")
        with pytest.raises(Refusal) as refused:
            await hall.issues("nib")
        assert refused.value.code == code
        await hall.acts(reopen_service, "nib", at=MORNING)
        assert (await hall.issues("nib")).number == "A-001"
        assert said(hall.storage.outbox, "queue.service-day-closed.v1")[0]["reason"] == "system_down"

    async def test_and_the_visitor_sees_the_same_beforehand(self, hall: Hall):
        hall.catalogue = catalogue(service(active=False))
        await hall.acts(close_service, "izin", at=MORNING, reason=None)
        shown = await show_availability("mpp", uow=hall.queries, at=MORNING, catalogue=hall.catalogue)
        assert {one.service_id: one.availability for one in shown} == {
            "nib": "service_closed",
            "izin": "manual_closed",
            "pajak": "available",
        }


class TestSecrets:
    async def test_neither_the_link_nor_the_reason_is_in_any_event(self, hall: Hall):
        issued = await hall.issues("nib", priority=True)
        rows = b"".join(row.body for row in hall.storage.outbox)
        assert issued.link.encode() not in rows
        assert b"elderly" not in rows
        assert b'"priority"' in rows

    async def test_the_link_is_told_once_and_kept_as_a_hash(self, hall: Hall):
        issued = await hall.issues("nib")
        secret = issued.link.partition(".")[2]
        kept = str((await hall.sees(issued.id)).document())
        assert len(secret) >= 22, "128 random bits"
        assert secret not in kept
        assert hashlib.sha256(issued.link.encode()).hexdigest() in kept

    async def test_a_link_opens_its_own_ticket_alone(self, hall: Hall):
        one, other = [await hall.sees((await hall.issues("nib")).id) for _ in range(2)]
        issued = await hall.issues("nib")
        own = await hall.sees(issued.id)
        wrong = (f"{issued.link}x", issued.link[:-1], f"{issued.id}.", issued.id, own.link_hash)
        assert own.opens_with(issued.link)
        assert not any(own.opens_with(link) for link in wrong)
        assert not one.opens_with(issued.link) and not other.opens_with(issued.link)

    async def test_a_ticket_that_was_kept_with_its_link_opens_and_is_read_without_it(self, hall: Hall):
        issued = await hall.issues("nib")
        kept = (await hall.sees(issued.id)).document()
        del kept["link_hash"]
        old = Ticket.from_document({**kept, "link": issued.link})
        assert old.opens_with(issued.link)
        assert issued.link not in str(old.document())

    async def test_why_somebody_has_priority_is_not_kept(self, hall: Hall):
        """It is close to health data, and nothing needs it once the class is known."""
        issued = await hall.issues("nib", priority=True)
        kept = await hall.sees(issued.id)
        assert kept.priority_class == "priority"
        assert "elderly" not in str(kept.document())

    async def test_a_ticket_that_was_kept_with_the_reason_is_read_without_it(self, hall: Hall):
        kept = await hall.sees((await hall.issues("nib")).id)
        old = Ticket.from_document({**kept.document(), "priority_reason": "elderly"})
        assert "elderly" not in str(old.document())

    async def test_the_day_has_one_timer(self, hall: Hall):
        await asyncio.gather(*(hall.issues(id) for id in ("nib", "izin", "pajak", "nib")))
        (timer,) = hall.storage.timers.values()
        assert timer.id == f"end-of-day:mpp:{TODAY}"
        assert timer.tenant == TENANT


async def test_the_first_number_of_a_day_is_given_once_by_two_processes(hall: Hall):
    async with GroupCommit(hall.storage, source="/gerai/queue") as other:
        neighbour = Hall(hall.storage, other, hall.catalogue)
        issued = await asyncio.gather(*(one.issues("nib") for one in (hall, neighbour) for _ in range(20)))
    assert sorted(ticket.number for ticket in issued) == [f"A-{n:03d}" for n in range(1, 41)]
