"""A party: what reaches them, what they refuse, and that they can be forgotten."""

import pytest
from notification_builders import ALL, MORNING, party

from gerai.contracts.notification import Category, Channel, PartyForgotten, PartyOptedOut
from gerai.notification.domain.languages import Language
from gerai.notification.domain.party import Party, UnableToChangeParty


def reachable(*proven: Channel, unproven: tuple[Channel, ...] = ()) -> Party:
    made = party()
    for channel in (*proven, *unproven):
        made.keep_contact(channel, masked="+62***", proven=channel in proven)
    return made


def test_whoever_gave_nothing_has_the_inbox():
    assert party().ways(Category.TICKET) == (Channel.INBOX,)


def test_an_unproven_number_is_used_for_todays_ticket_and_nothing_else():
    made = reachable(unproven=(Channel.WHATSAPP,))
    assert made.ways(Category.TICKET) == (Channel.WHATSAPP, Channel.INBOX)
    assert made.ways(Category.APPLICATION) == (Channel.INBOX,)
    made.prove(Channel.WHATSAPP)
    assert made.ways(Category.APPLICATION) == (Channel.WHATSAPP, Channel.INBOX)


def test_another_number_must_be_proven_anew():
    made = reachable(Channel.SMS)
    made.keep_contact(Channel.SMS, masked="+63***")
    assert made.ways(Category.DECISION) == (Channel.INBOX,)


def test_the_preferred_way_comes_first_and_the_others_follow():
    made = reachable(Channel.WHATSAPP, Channel.SMS, Channel.EMAIL)
    made.prefer([Channel.EMAIL, Channel.EMAIL], language=Language.EN)
    assert made.ways(Category.DUTY) == (Channel.EMAIL, Channel.WHATSAPP, Channel.SMS, Channel.INBOX)
    assert made.language is Language.EN


def test_an_address_that_does_not_exist_is_not_used_until_there_is_another():
    made = reachable(Channel.SMS)
    made.mark_unusable(Channel.SMS, because="invalid_address")
    assert made.ways(Category.TICKET) == (Channel.INBOX,)
    made.keep_contact(Channel.SMS, masked="+62***", proven=True)
    assert made.ways(Category.TICKET) == (Channel.SMS, Channel.INBOX)


class TestRefusing:
    def test_a_category_on_one_channel(self):
        made = reachable(Channel.WHATSAPP, Channel.SMS)
        made.opt_out(category=Category.TICKET, channel=Channel.WHATSAPP, at=MORNING)
        assert made.ways(Category.TICKET) == (Channel.SMS, Channel.INBOX)
        assert made.ways(Category.DUTY) == (Channel.WHATSAPP, Channel.SMS, Channel.INBOX)

    def test_a_category_everywhere(self):
        made = reachable(Channel.SMS)
        made.opt_out(category=Category.ANNOUNCEMENT, channel=None, at=MORNING)
        assert made.ways(Category.ANNOUNCEMENT) == () and not made.wants(Category.ANNOUNCEMENT)
        assert made.wants(Category.TICKET)

    def test_what_the_law_says_must_be_told_cannot_be_refused(self):
        made = reachable(Channel.SMS)
        with pytest.raises(UnableToChangeParty) as refused:
            made.opt_out(category=Category.DECISION, channel=None, at=MORNING)
        assert refused.value.code == "must_be_told"
        made.opt_out(category=None, channel=None, at=MORNING)
        assert made.ways(Category.TICKET) == ()
        assert made.ways(Category.DECISION) == (Channel.SMS, Channel.INBOX)

    def test_but_it_can_be_kept_off_every_channel_but_the_inbox(self):
        made = reachable(Channel.WHATSAPP, Channel.SMS, Channel.EMAIL)
        for channel in ALL:
            made.opt_out(category=None, channel=channel, at=MORNING)
        assert made.ways(Category.DECISION) == (Channel.INBOX,)

    def test_twice_is_once_and_is_taken_back_once(self):
        made = party()
        for _ in range(2):
            made.opt_out(category=Category.TICKET, channel=None, at=MORNING)
        assert [type(recorded.event) for recorded in made.recorded] == [PartyOptedOut]
        made.opt_in(category=Category.TICKET, channel=None, at=MORNING)
        made.opt_in(category=Category.TICKET, channel=None, at=MORNING)
        assert made.wants(Category.TICKET)
        assert len(made.recorded) == 2


class TestForgetting:
    def test_nothing_remains_and_nothing_reaches_them(self):
        made = reachable(Channel.SMS)
        made.forget(at=MORNING)
        made.forget(at=MORNING)
        assert made.contacts == () and made.ways(Category.DECISION) == ()
        assert [type(recorded.event) for recorded in made.recorded] == [PartyForgotten]

    def test_and_nothing_is_added_afterwards(self):
        made = party()
        made.forget(at=MORNING)
        for change in (
            lambda: made.keep_contact(Channel.SMS, masked="x"),
            lambda: made.prove(Channel.SMS),
            lambda: made.opt_out(category=None, channel=None, at=MORNING),
            lambda: made.prefer([], language=Language.ID),
        ):
            with pytest.raises(UnableToChangeParty) as refused:
                change()
            assert refused.value.code == "party_forgotten"
