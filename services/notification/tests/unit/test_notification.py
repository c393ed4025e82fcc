"""A notification is told once: by the first way that works, while it has a sense, and not to whom does not want it."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from notification_builders import ALL, MORNING, notification, ways

from gerai.contracts.notification import (
    Category,
    Channel,
    DeliveryFailed,
    DeliverySucceeded,
    DeliverySuppressed,
)
from gerai.notification.domain.notification import (
    ENDED,
    MAY_BE_DOUBLED,
    MOST_ATTEMPTS,
    Delivery,
    Notification,
    State,
    UnableToChangeNotification,
    Wait,
    notification_id,
)
from gerai.notification.domain.rule import Urgency

PHONE = ways(Channel.SMS, Channel.INBOX)
SOON = MORNING + timedelta(seconds=5)


def sending(made: Notification, where=PHONE) -> Delivery:
    delivery = made.take_next_way(where, at=MORNING)
    assert isinstance(delivery, Delivery)
    return delivery


def told(made: Notification, kind: type) -> list[object]:
    return [recorded.event for recorded in made.recorded if isinstance(recorded.event, kind)]


def test_the_first_way_is_taken_and_its_receipt_ends_it():
    made = notification()
    delivery = sending(made)
    assert (delivery.channel, delivery.provider, delivery.attempt) == (Channel.SMS, "gateway-1", 1)
    made.was_accepted(1, reference="r-1", at=SOON)
    assert made.state is State.SENT
    made.has_arrived(1, at=SOON)
    assert made.state is State.DELIVERED
    (arrived,) = told(made, DeliverySucceeded)
    assert arrived.seconds == 5


def test_the_same_meaning_has_the_same_id():
    event = UUID(int=7)
    first = notification_id(event_id=event, rule_id="r", party_id="p")
    assert first == notification_id(event_id=event, rule_id="r", party_id="p")
    assert first != notification_id(event_id=UUID(int=8), rule_id="r", party_id="p")
    assert first != notification_id(event_id=event, rule_id="r2", party_id="p")
    assert first != notification_id(event_id=event, rule_id="r", party_id="p2")


def test_the_next_provider_is_tried_and_then_the_next_channel():
    made = notification()
    for channel, provider in (
        (Channel.SMS, "gateway-1"),
        (Channel.SMS, "gateway-2"),
        (Channel.INBOX, "inbox"),
    ):
        delivery = sending(made)
        assert (delivery.channel, delivery.provider) == (channel, provider)
        made.has_failed(delivery.attempt, reason="provider_down", ways=PHONE, at=SOON)
    assert made.state is State.FAILED
    assert [failed.is_last for failed in told(made, DeliveryFailed)] == [False, False, True]
    assert made.take_next_way(PHONE, at=SOON) is None


def test_the_inbox_has_it_at_once():
    made = notification()
    delivery = sending(made, ways(Channel.INBOX))
    made.was_accepted(delivery.attempt, reference=None, at=SOON)
    assert made.state is State.DELIVERED


class TestReceipts:
    def test_before_our_own_accepted(self):
        made = notification()
        sending(made)
        made.has_arrived(1, at=SOON)
        made.was_accepted(1, reference="r-1", at=SOON)
        assert made.state is State.DELIVERED

    def test_twice(self):
        made = notification()
        sending(made)
        made.has_arrived(1, at=SOON)
        made.has_arrived(1, at=SOON)
        assert len(told(made, DeliverySucceeded)) == 1

    def test_arrived_stands_whatever_is_said_later(self):
        made = notification()
        sending(made)
        made.has_arrived(1, at=SOON)
        made.has_failed(1, reason="rejected", ways=PHONE, at=SOON)
        made.became_unknown(1, ways=PHONE, at=SOON)
        assert made.state is State.DELIVERED and made.deliveries[0].state is State.DELIVERED
        assert told(made, DeliveryFailed) == []

    def test_arrived_after_we_gave_it_up(self):
        made = notification()
        sending(made)
        made.has_failed(1, reason="no_receipt", ways=PHONE, at=SOON)
        made.has_arrived(1, at=SOON)
        assert made.state is State.DELIVERED
        assert made.take_next_way(PHONE, at=SOON) is None

    def test_of_an_attempt_that_we_never_made(self):
        made = notification()
        for receipt in (
            made.has_arrived,
            lambda number, at: made.was_accepted(number, reference=None, at=at),
        ):
            receipt(3, at=SOON)
        assert made.state is State.QUEUED and made.deliveries == ()


class TestUnknownOutcomes:
    def test_a_call_may_come_twice(self):
        made = notification(category=Category.TICKET)
        sending(made)
        made.became_unknown(1, ways=PHONE, at=SOON)
        assert made.state is State.RETRYING
        assert sending(made).attempt == 2

    def test_a_bill_may_not(self):
        made = notification(category=Category.DECISION)
        sending(made)
        made.became_unknown(1, ways=PHONE, at=SOON)
        assert made.state is State.UNKNOWN
        assert made.take_next_way(PHONE, at=SOON) is None
        made.has_arrived(1, at=SOON)
        assert made.state is State.DELIVERED

    def test_until_an_operator_says_so(self):
        made = notification(category=Category.DECISION)
        sending(made)
        made.became_unknown(1, ways=PHONE, at=SOON)
        made.send_again(at=SOON)
        assert sending(made).provider == "gateway-1"


class TestWhenItIsNotSent:
    def test_when_it_has_lost_its_sense(self):
        made = notification()
        assert made.take_next_way(PHONE, at=made.expires_at) is None
        assert made.state is State.EXPIRED
        assert told(made, DeliverySuppressed)[0].reason == "expired"

    def test_to_who_does_not_want_it(self):
        made = notification()
        made.take_next_way(ways(wanted=False), at=MORNING)
        assert (made.state, made.reason) == (State.SUPPRESSED, "opted_out")

    def test_to_who_cannot_be_reached(self):
        made = notification()
        made.take_next_way(ways(), at=MORNING)
        assert (made.state, made.reason) == (State.SUPPRESSED, "no_address")

    def test_at_night_it_waits_unless_it_is_urgent(self):
        later = MORNING + timedelta(minutes=5)
        night = ways(Channel.SMS, quiet_until=later)
        assert notification(urgency=Urgency.NORMAL).take_next_way(night, at=MORNING) == Wait(later)
        assert isinstance(notification(urgency=Urgency.NOW).take_next_way(night, at=MORNING), Delivery)

    def test_and_it_does_not_wait_for_a_morning_that_is_too_late(self):
        made = notification(urgency=Urgency.NORMAL)
        assert made.take_next_way(ways(Channel.SMS, quiet_until=made.expires_at), at=MORNING) is None
        assert made.state is State.EXPIRED

    def test_a_refusal_that_comes_between_leasing_and_sending(self):
        made = notification()
        sending(made)
        refused = ways(wanted=False)
        assert not made.may_still_be_sent(1, refused, at=SOON)
        assert made.take_next_way(refused, at=SOON) is None
        assert (made.state, made.reason) == (State.SUPPRESSED, "opted_out")

    def test_a_refusal_of_one_channel_leaves_the_others(self):
        made = notification()
        sending(made)
        assert not made.may_still_be_sent(1, ways(Channel.INBOX), at=SOON)
        assert sending(made, ways(Channel.INBOX)).channel is Channel.INBOX

    def test_an_expiry_that_comes_between_leasing_and_sending(self):
        made = notification()
        sending(made)
        assert not made.may_still_be_sent(1, PHONE, at=made.expires_at)
        assert made.state is State.EXPIRED

    def test_what_is_cancelled_while_it_waits(self):
        made = notification()
        made.cancel(reason="superseded", at=SOON)
        assert made.take_next_way(PHONE, at=SOON) is None
        assert told(made, DeliverySuppressed)[0].reason == "superseded"

    def test_what_is_under_way_cannot_be_cancelled(self):
        made = notification()
        sending(made)
        with pytest.raises(UnableToChangeNotification) as refused:
            made.cancel(reason="cancelled", at=SOON)
        assert refused.value.code == "already_under_way"


class TestSendingAgain:
    def test_opens_all_ways_anew(self):
        made = notification()
        for _ in range(3):
            made.has_failed(sending(made).attempt, reason="rejected", ways=PHONE, at=SOON)
        made.send_again(at=SOON)
        delivery = sending(made)
        assert (delivery.attempt, delivery.provider) == (4, "gateway-1")

    def test_but_not_what_has_lost_its_sense(self):
        made = notification()
        made.take_next_way(ways(), at=MORNING)
        with pytest.raises(UnableToChangeNotification) as refused:
            made.send_again(at=made.expires_at)
        assert refused.value.code == "lost_its_sense"


class OneNotification(RuleBasedStateMachine):
    """Any order of attempts, results, receipts, refusals and time."""

    def __init__(self) -> None:
        super().__init__()
        self.at = MORNING
        self.sent: list[tuple[Channel, str]] = []

    @initialize(category=st.sampled_from(Category), urgency=st.sampled_from(Urgency))
    def begins(self, category: Category, urgency: Urgency) -> None:
        self.made = notification(category=category, urgency=urgency)

    @rule(seconds=st.integers(0, 60))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    @rule(
        channels=st.lists(st.sampled_from(ALL), unique=True),
        wanted=st.sampled_from((True,) * 7 + (False,)),
        night=st.booleans(),
        refused_meanwhile=st.sampled_from((False,) * 7 + (True,)),
    )
    def is_attempted(
        self, channels: list[Channel], wanted: bool, night: bool, refused_meanwhile: bool
    ) -> None:
        open_ways = ways(
            *channels, wanted=wanted, quiet_until=self.at + timedelta(minutes=1) if night else None
        )
        ended = self.made.state in ENDED
        delivery = self.made.take_next_way(open_ways, at=self.at)
        if isinstance(delivery, Delivery):
            now = ways(wanted=False) if refused_meanwhile else open_ways
            if self.made.may_still_be_sent(delivery.attempt, now, at=self.at):
                assert not ended and wanted and self.at < self.made.expires_at
                assert not (night and self.made.urgency is not Urgency.NOW)
                self.sent.append((delivery.channel, delivery.provider))

    @rule(
        attempt=st.integers(0, MOST_ATTEMPTS + 1),
        result=st.sampled_from(("accepted", "arrived", "failed", "unknown")),
        channels=st.lists(st.sampled_from(ALL), unique=True),
    )
    def something_is_heard(self, attempt: int, result: str, channels: list[Channel]) -> None:
        match result:
            case "accepted":
                self.made.was_accepted(attempt, reference="r", at=self.at)
            case "arrived":
                self.made.has_arrived(attempt, at=self.at)
            case "failed":
                self.made.has_failed(attempt, reason="rejected", ways=ways(*channels), at=self.at)
            case "unknown":
                self.made.became_unknown(attempt, ways=ways(*channels), at=self.at)

    @precondition(lambda self: self.made.state is State.SENDING)
    @rule(is_unknown=st.booleans())
    def the_attempt_ends_badly(self, is_unknown: bool) -> None:
        attempt = len(self.made.deliveries)
        if is_unknown:
            self.made.became_unknown(attempt, ways=ways(*ALL), at=self.at)
        else:
            self.made.has_failed(attempt, reason="rejected", ways=ways(*ALL), at=self.at)

    @invariant()
    def no_way_is_taken_twice(self) -> None:
        assert len(self.sent) == len(set(self.sent)) <= MOST_ATTEMPTS

    @invariant()
    def what_arrived_stays_arrived(self) -> None:
        if any(one.state is State.DELIVERED for one in self.made.deliveries):
            assert self.made.state is State.DELIVERED

    @invariant()
    def an_unknown_outcome_is_never_followed_by_another_attempt_where_twice_is_once_too_many(self) -> None:
        if self.made.category in MAY_BE_DOUBLED or self.made.first_attempt > 1:
            return
        unknown = [one.attempt for one in self.made.deliveries if one.state is State.UNKNOWN]
        assert all(number == len(self.made.deliveries) for number in unknown)


TestOneNotification = OneNotification.TestCase
TestOneNotification.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
