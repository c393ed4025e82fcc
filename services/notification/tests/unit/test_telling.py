"""From an event to a message in somebody's hand, on the in-memory twins."""

from datetime import timedelta
from typing import Any

import pytest
from notification_builders import rule, template
from notification_office import CALLED, ISSUED, Office

from gerai.contracts.notification import Category, Channel
from gerai.messaging.job import Failed, Outcome, Unknown
from gerai.messaging.refusal import UnableToFind
from gerai.notification.domain.notification import State
from gerai.notification.domain.rule_book import UnableToImport
from gerai.notification.use_cases.providers import Outgoing
from gerai.notification.use_cases.read_inbox import mark_read

WORDS = {
    "inbox": {"title": "Nomor {{ number }}", "text": "Silakan menuju {{ desk }}."},
    "sms": {"text": "Nomor {{ number }}: silakan menuju {{ desk }}."},
    "whatsapp": {"template": "ticket_called", "parameters": ["number", "desk"]},
}
TEMPLATE = template(wordings={"id": WORDS, "en": WORDS})


@pytest.fixture
async def office() -> Office:
    office = Office()
    await office.imports(rules=[rule().model_dump()], templates=[TEMPLATE.model_dump()])
    await office.knows(Channel.WHATSAPP, Channel.SMS)
    await office.hears(ISSUED, id=1)
    return office


def fails(code: str) -> Any:
    def answer(outgoing: Outgoing) -> Outcome:
        return Failed(code=code)

    return answer


def breaks(outgoing: Outgoing) -> Outcome:
    return Unknown(reason="the line broke")


async def test_a_visitor_is_told_of_the_call(office: Office):
    await office.hears(CALLED, id=2)
    await office.sends()
    (outgoing,) = office.whatsapp.sent
    assert (outgoing.address, outgoing.message.parameters) == ("+6281234567890", ("A-012", "Loket 3"))
    (notification,) = office.notifications
    assert notification.state is State.SENT
    await office.receipt(notification.id, 1, has_arrived=True)
    assert office.told == ["notification-queued", "delivery-succeeded"]


async def test_nobody_is_told_whom_nobody_knows(office: Office):
    await office.hears(ISSUED.model_copy(update={"ticket_id": "t-9", "party_id": None}), id=3)
    await office.hears(CALLED.model_copy(update={"ticket_id": "t-9"}), id=4)
    assert office.notifications == []


class TestOnce:
    async def test_the_same_event_again_tells_nothing(self, office: Office):
        for _ in range(3):
            await office.hears(CALLED, id=2)
        await office.sends()
        assert len(office.whatsapp.sent) == 1

    async def test_a_second_import_of_the_same_rules_tells_nothing(self, office: Office):
        await office.hears(CALLED, id=2)
        imported = await office.imports(rules=[rule().model_dump()], templates=[TEMPLATE.model_dump()])
        assert imported.new_templates == ()
        await office.hears(CALLED, id=2)
        await office.sends()
        assert len(office.whatsapp.sent) == 1

    async def test_a_replay_tells_nothing(self, office: Office):
        await office.hears(CALLED, id=2, replayed_for="notification.queue")
        assert office.notifications == []


async def test_nobody_marks_a_message_of_another_ones_inbox_as_read(office: Office):
    office.whatsapp.answers = office.sms.answers = fails("provider_down")
    await office.hears(CALLED, id=2)
    await office.sends()
    (item,) = office.inbox
    with pytest.raises(UnableToFind):
        await office.does(lambda uow: mark_read(uow, office.now, item.id, party_id="party-2"))
    assert office.inbox[0].read_at is None
    await office.does(lambda uow: mark_read(uow, office.now, item.id, party_id="party-1"))
    assert office.inbox[0].read_at == office.now


class TestTheNextWay:
    async def test_is_taken_when_the_provider_refuses(self, office: Office):
        office.whatsapp.answers = fails("window_closed")
        await office.hears(CALLED, id=2)
        await office.sends()
        assert [len(office.whatsapp.sent), len(office.sms.sent)] == [1, 1]
        assert office.told[1] == "delivery-failed"

    async def test_and_the_inbox_is_the_last(self, office: Office):
        office.whatsapp.answers = office.sms.answers = fails("provider_down")
        await office.hears(CALLED, id=2)
        await office.sends()
        (notification,) = office.notifications
        assert notification.state is State.DELIVERED
        assert [item.text for item in office.inbox] == ["Silakan menuju Loket 3."]

    async def test_is_taken_when_no_receipt_comes(self, office: Office):
        await office.hears(CALLED, id=2)
        await office.sends()
        await office.waits(timedelta(minutes=5, seconds=1))
        await office.sends()
        assert len(office.sms.sent) == 1

    async def test_but_not_when_the_receipt_came(self, office: Office):
        await office.hears(CALLED, id=2)
        await office.sends()
        await office.receipt(office.notifications[0].id, 1, has_arrived=True)
        await office.waits(timedelta(minutes=6))
        assert office.sms.sent == [] and office.storage.jobs.rows == {}

    async def test_a_number_that_does_not_exist_is_not_tried_again(self, office: Office):
        office.whatsapp.answers = fails("invalid_address")
        await office.hears(CALLED, id=2)
        await office.sends()
        await office.hears(CALLED, id=3)
        await office.sends()
        assert [len(office.whatsapp.sent), len(office.sms.sent)] == [1, 2]


class TestWhatIsUnknown:
    async def test_a_call_goes_another_way(self, office: Office):
        office.whatsapp.answers = breaks
        await office.hears(CALLED, id=2)
        await office.sends()
        assert len(office.sms.sent) == 1

    async def test_a_bill_waits(self):
        office = Office()
        bill = rule(category=Category.DECISION)
        await office.imports(rules=[bill.model_dump()], templates=[TEMPLATE.model_dump()])
        await office.knows(Channel.WHATSAPP, Channel.SMS)
        await office.hears(ISSUED, id=1)
        office.whatsapp.answers = breaks
        await office.hears(CALLED, id=2)
        await office.sends()
        assert office.sms.sent == [] and office.notifications[0].state is State.UNKNOWN


async def test_a_provider_that_fails_again_and_again_is_left_alone_and_then_probed(office: Office):
    office.whatsapp.answers = fails("provider_down")
    for id in range(2, 8):
        await office.hears(CALLED, id=id)
        await office.sends()
    assert len(office.whatsapp.sent) == 5 and len(office.sms.sent) == 6
    await office.waits(timedelta(seconds=31))
    office.whatsapp.answers = Office().whatsapp.answers
    for id in range(8, 10):
        await office.hears(CALLED, id=id)
        await office.sends()
    assert len(office.whatsapp.sent) == 7


class TestNotSent:
    async def test_to_who_refused_after_the_job_was_wanted(self, office: Office):
        await office.hears(CALLED, id=2)
        await office.changes(lambda party: party.opt_out(category=None, channel=None, at=office.now))
        await office.sends()
        assert office.whatsapp.sent == office.sms.sent == []
        assert office.notifications[0].state is State.SUPPRESSED

    async def test_after_it_has_lost_its_sense(self, office: Office):
        await office.hears(CALLED, id=2)
        office.now += timedelta(minutes=11)
        await office.sends()
        assert office.whatsapp.sent == [] and office.notifications[0].state is State.EXPIRED

    async def test_to_who_was_forgotten(self, office: Office):
        await office.hears(CALLED, id=2)
        await office.changes(lambda party: party.forget(at=office.now))
        office.addresses.clear()
        await office.sends()
        assert office.whatsapp.sent == office.sms.sent == [] and office.inbox == []

    async def test_at_night_but_in_the_morning(self):
        office = Office()
        calm = rule(urgency="normal", expires_after_seconds=24 * 3600)
        await office.imports(rules=[calm.model_dump()], templates=[TEMPLATE.model_dump()])
        await office.knows(Channel.SMS)
        await office.hears(ISSUED, id=1)
        office.now += timedelta(hours=13)  # 21:30 in Makassar
        await office.hears(CALLED, id=2)
        assert office.storage.jobs.rows == {}
        await office.waits(timedelta(hours=8, minutes=29))
        assert office.storage.jobs.rows == {}
        await office.waits(timedelta(minutes=1))
        await office.sends()
        assert len(office.sms.sent) == 1

    async def test_what_a_newer_message_says_better(self):
        office = Office()
        calm = rule(urgency="normal", expires_after_seconds=24 * 3600, supersedes="place")
        await office.imports(rules=[calm.model_dump()], templates=[TEMPLATE.model_dump()])
        await office.knows(Channel.SMS)
        await office.hears(ISSUED, id=1)
        office.now += timedelta(hours=13)
        await office.hears(CALLED, id=2)
        office.now += timedelta(minutes=1)
        await office.hears(CALLED.model_copy(update={"desk_id": "4"}), id=3)
        await office.waits(timedelta(hours=9))
        await office.sends()
        assert [outgoing.message.text for outgoing in office.sms.sent] == [
            "Nomor A-012: silakan menuju Loket 4."
        ]


class TestImporting:
    async def test_a_changed_text_gets_the_next_version_and_the_file_does_not_decide_it(self, office: Office):
        words = {**WORDS, "sms": {"text": "Nomor {{ number }}!"}}
        changed = template(wordings={"id": words, "en": words}, version=77)
        imported = await office.imports(rules=[rule().model_dump()], templates=[changed.model_dump()])
        assert imported.new_templates == ("ticket-called v2",)

    async def test_what_is_taken_away_and_comes_back_goes_on_counting(self, office: Office):
        await office.imports(rules=[], templates=[])
        imported = await office.imports(rules=[rule().model_dump()], templates=[TEMPLATE.model_dump()])
        assert imported.new_templates == ("ticket-called v2",)

    async def test_a_message_that_waits_keeps_its_words(self, office: Office):
        await office.hears(CALLED, id=2)
        words = {**WORDS, "whatsapp": {"template": "other", "parameters": []}}
        await office.imports(
            rules=[rule().model_dump()],
            templates=[template(wordings={"id": words, "en": words}).model_dump()],
        )
        await office.sends()
        assert office.whatsapp.sent[0].message.template == "ticket_called"

    async def test_what_is_wrong_changes_nothing_and_is_told_at_once(self, office: Office):
        with pytest.raises(UnableToImport) as refused:
            await office.imports(
                rules=[rule(event="queue.none.v1").model_dump(), rule(template="none").model_dump()],
                templates=[],
            )
        codes = {problem["code"] for problem in refused.value.details["problems"]}
        assert codes == {"defined_twice", "unknown_event", "unknown_template"}
        await office.hears(CALLED, id=2)
        assert len(office.notifications) == 1
