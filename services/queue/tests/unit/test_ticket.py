"""Every step of a ticket, what it says, and how it refuses."""

import pytest
from queue_builders import MORNING, RULES, called, minutes, seconds, serving, ticket

from gerai.contracts import queue as said
from gerai.contracts.queue import TicketState
from gerai.messaging.refusal import Refusal
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket

ACTOR = "officer"
CALLED_AT = MORNING + minutes(10)


def newest(one: Ticket) -> said.TicketEvent:
    event = one.recorded[-1].event
    assert isinstance(event, said.TicketEvent)
    return event


class TestIssue:
    def test_waits_and_says_so_with_the_class_of_its_priority(self):
        one = ticket(priority=True)
        event = newest(one)
        assert (one.state, event.from_state, event.to_state) == ("waiting", None, "waiting")
        assert event.priority_class is said.PriorityClass.PRIORITY


class TestTimes:
    def test_are_kept_apart_for_waiting_walking_serving_and_holding(self):
        one = ticket()
        one.call(desk="loket-1", line_sequence=1, at=CALLED_AT, actor=ACTOR)
        one.recall(rules=RULES, at=CALLED_AT + seconds(40), actor=ACTOR)
        one.start(at=CALLED_AT + seconds(100), actor=ACTOR)
        one.hold(at=CALLED_AT + seconds(200), actor=ACTOR)
        one.resume(desk="loket-2", at=CALLED_AT + seconds(500), actor=ACTOR)
        one.start(at=CALLED_AT + seconds(520), actor=ACTOR)
        one.finish(at=CALLED_AT + seconds(600), actor=ACTOR)
        event = newest(one)
        assert isinstance(event, said.TicketServed)
        assert event.wait_seconds == 640  # until the last call before the visitor came
        assert event.walk_seconds == 60 + 20
        assert event.service_seconds == 100 + 80
        assert event.hold_seconds == 300
        assert event.desk_id == "loket-2"

    def test_count_the_wait_after_a_hold_at_the_desk_and_a_return(self):
        one = serving(at=CALLED_AT)
        one.hold(at=CALLED_AT + minutes(2), actor=ACTOR)
        one.resume(desk="loket-1", at=CALLED_AT + minutes(10), actor=ACTOR)
        one.return_to_queue(rules=RULES, at=CALLED_AT + minutes(11), actor=ACTOR)
        one.call(desk="loket-1", line_sequence=2, at=CALLED_AT + minutes(50), actor=ACTOR)
        event = newest(one)
        assert isinstance(event, said.TicketCalled)
        assert event.wait_seconds == 60 * (10 + 50 - 2 - 8)

    def test_are_never_negative_when_clocks_of_replicas_differ(self):
        one = ticket()
        one.callable_from = MORNING - minutes(1)
        one.call(desk="loket-1", line_sequence=1, at=MORNING - seconds(1), actor=ACTOR)
        assert one.leg.wait_seconds == 0


class TestTransfer:
    def test_closes_the_leg_and_waits_at_the_end_of_the_next_line_under_the_same_number(self):
        one = serving()
        at = MORNING + minutes(20)
        one.transfer(service_id="pajak", counter_id="samsat", at=at, actor=ACTOR)
        event = newest(one)
        assert isinstance(event, said.TicketTransferred)
        assert (event.leg, event.from_service_id, event.service_id) == (2, "nib", "pajak")
        assert (one.number, one.origin_service_id) == ("A-001", "nib")
        assert (one.order_at, one.desk_id) == (at, None)
        assert one.legs[0].outcome == "transferred"

    def test_to_the_same_service_is_refused(self):
        with pytest.raises(Refusal) as refused:
            serving().transfer(service_id="nib", counter_id="dpmptsp", at=MORNING, actor=ACTOR)
        assert refused.value.code == "same_service"

    def test_may_be_told_again_that_the_front_is_near(self):
        one = ticket()
        one.approach_front(people_before=2, at=MORNING, actor=ACTOR)
        one.call(desk="loket-1", line_sequence=1, at=CALLED_AT, actor=ACTOR)
        one.start(at=CALLED_AT, actor=ACTOR)
        one.transfer(service_id="pajak", counter_id="samsat", at=CALLED_AT, actor=ACTOR)
        one.approach_front(people_before=1, at=CALLED_AT, actor=ACTOR)
        assert sum(isinstance(one.event, said.TicketNearFront) for one in one.recorded) == 2


STRICT = Rules(
    recall_limit=2, recall_gap_seconds=45, grace_seconds=600, reinstate_minutes=25, guard_minutes=2
)
PATIENT = Rules(
    recall_limit=4, recall_gap_seconds=10, grace_seconds=900, reinstate_minutes=3, guard_minutes=12
)
by_rules = pytest.mark.parametrize("rules", [RULES, STRICT, PATIENT], ids=["default", "strict", "patient"])


@by_rules
class TestReturn:
    def test_keeps_the_place_but_is_not_called_for_some_minutes_after_the_last_call(self, rules: Rules):
        one = called(at=CALLED_AT)
        one.return_to_queue(rules=rules, at=CALLED_AT + seconds(30), actor=ACTOR)
        again = CALLED_AT + minutes(rules.guard_minutes)
        assert (one.order_at, one.callable_from) == (MORNING, again)
        with pytest.raises(Refusal) as refused:
            one.call(desk="loket-1", line_sequence=2, at=again - seconds(1), actor=ACTOR)
        assert refused.value.code == "called_just_now"
        one.call(desk="loket-1", line_sequence=2, at=again, actor=ACTOR)
        assert newest(one).call == 2


@by_rules
class TestNoShow:
    def test_needs_so_many_calls_that_could_be_heard(self, rules: Rules):
        one, at = called(at=CALLED_AT), CALLED_AT
        for count in range(1, rules.recall_limit):
            at += seconds(rules.recall_gap_seconds)
            with pytest.raises(Refusal) as refused:
                one.mark_missed(rules=rules, at=at, actor=ACTOR)
            assert refused.value.code == "called_too_seldom"
            assert refused.value.details["calls"] == count
            assert refused.value.details["limit"] == rules.recall_limit
            one.recall(rules=rules, at=at, actor=ACTOR)
        one.mark_missed(rules=rules, at=at + seconds(rules.recall_gap_seconds), actor=ACTOR)
        assert one.state is TicketState.NO_SHOW
        assert newest(one).calls == rules.recall_limit

    def test_tells_all_calls_of_the_leg_also_those_that_do_not_count(self, rules: Rules):
        one = called(at=CALLED_AT)
        one.recall(rules=rules, at=CALLED_AT + seconds(2), actor=ACTOR)
        one.return_to_queue(rules=rules, at=CALLED_AT + seconds(3), actor=ACTOR)
        again = CALLED_AT + minutes(20)
        one.call(desk="loket-1", line_sequence=2, at=again, actor=ACTOR)
        one.mark_missed(rules=rules, at=again + seconds(rules.grace_seconds), actor=ACTOR)
        assert newest(one).calls == one.leg.calls == 3

    def test_calls_that_follow_too_fast_are_one(self, rules: Rules):
        one = called(at=CALLED_AT)
        for late in range(2, rules.recall_gap_seconds, 2):
            one.recall(rules=rules, at=CALLED_AT + seconds(late), actor=ACTOR)
        with pytest.raises(Refusal) as refused:
            one.mark_missed(rules=rules, at=CALLED_AT + seconds(2 * rules.recall_gap_seconds), actor=ACTOR)
        assert refused.value.details["calls"] == 1

    def test_the_last_call_is_given_time_too(self, rules: Rules):
        one, at = called(at=CALLED_AT), CALLED_AT
        for _ in range(1, rules.recall_limit):
            at += seconds(rules.recall_gap_seconds)
            one.recall(rules=rules, at=at, actor=ACTOR)
        with pytest.raises(Refusal):
            one.mark_missed(rules=rules, at=at + seconds(rules.recall_gap_seconds - 1), actor=ACTOR)

    def test_is_noted_after_the_grace_whatever_the_calls(self, rules: Rules):
        one, grace = called(at=CALLED_AT), seconds(rules.grace_seconds)
        with pytest.raises(Refusal):
            one.mark_missed(rules=rules, at=CALLED_AT + grace - seconds(1), actor=ACTOR)
        one.mark_missed(rules=rules, at=CALLED_AT + grace, actor=ACTOR)
        assert one.state is TicketState.NO_SHOW


@by_rules
class TestReinstate:
    def missed(self):
        one = called(at=CALLED_AT)
        one.mark_missed(rules=Rules(grace_seconds=0), at=CALLED_AT + seconds(1), actor=ACTOR)
        return one

    def test_gives_the_old_place_back_within_some_minutes_of_the_last_call(self, rules: Rules):
        one = self.missed()
        one.reinstate(rules=rules, at=CALLED_AT + minutes(rules.reinstate_minutes), actor=ACTOR)
        assert (one.state, one.order_at, one.leg.outcome) == ("waiting", MORNING, None)
        assert one.callable_from == CALLED_AT + minutes(rules.guard_minutes)

    def test_is_too_late_after_that(self, rules: Rules):
        late = CALLED_AT + minutes(rules.reinstate_minutes) + seconds(1)
        with pytest.raises(Refusal) as refused:
            self.missed().reinstate(rules=rules, at=late, actor=ACTOR)
        assert (refused.value.code, refused.value.details["minutes"]) == ("too_late", rules.reinstate_minutes)

    def test_happens_once(self, rules: Rules):
        one = self.missed()
        one.reinstate(rules=rules, at=CALLED_AT + minutes(1), actor=ACTOR)
        again = CALLED_AT + minutes(rules.guard_minutes)
        one.call(desk="loket-1", line_sequence=2, at=again, actor=ACTOR)
        one.mark_missed(rules=Rules(grace_seconds=0), at=again, actor=ACTOR)
        with pytest.raises(Refusal) as refused:
            one.reinstate(rules=rules, at=again + minutes(1), actor=ACTOR)
        assert refused.value.code == "reinstated_before"


NEXT_DAY = MORNING + minutes(24 * 60)


class TestPickup:
    """Served yesterday, called for what was made: it stays a pickup until that is handed over."""

    def called_for_it(self) -> Ticket:
        one = serving(at=CALLED_AT)
        one.await_pickup(at=CALLED_AT + seconds(60), actor=ACTOR)
        one.resume(desk="loket-2", at=NEXT_DAY, actor=ACTOR)
        return one

    def not_fetched(self, one: Ticket) -> None:
        event = newest(one)
        assert isinstance(event, said.TicketAwaitingPickup)
        assert (event.from_state, event.to_state, event.desk_id) == ("called", "awaiting_pickup", "loket-2")
        assert event.service_seconds == 60
        assert (one.desk_id, one.leg.outcome) == (None, None)
        one.resume(desk="loket-1", at=NEXT_DAY + minutes(60), actor=ACTOR)
        one.start(at=NEXT_DAY + minutes(61), actor=ACTOR)
        one.finish(at=NEXT_DAY + minutes(62), actor=ACTOR)
        assert one.state == "served"

    def test_is_no_no_show(self):
        one = self.called_for_it()
        with pytest.raises(Refusal):
            one.mark_missed(rules=RULES, at=NEXT_DAY, actor=ACTOR)
        one.mark_missed(rules=RULES, at=NEXT_DAY + seconds(RULES.grace_seconds), actor=ACTOR)
        self.not_fetched(one)

    def test_does_not_go_back_into_the_line(self):
        one = self.called_for_it()
        one.return_to_queue(rules=RULES, at=NEXT_DAY, actor=ACTOR, reason="visitor_left")
        assert newest(one).reason == "visitor_left"
        self.not_fetched(one)

    def test_is_not_put_aside_as_if_it_were_not_served(self):
        one = self.called_for_it()
        one.hold(at=NEXT_DAY, actor=ACTOR, reason="not_ready")
        assert newest(one).reason == "not_ready"
        self.not_fetched(one)

    def test_does_not_end_with_the_day(self):
        one = self.called_for_it()
        one.expire(at=NEXT_DAY + minutes(450), actor="timer:end-of-day")
        assert newest(one).actor == "timer:end-of-day"
        self.not_fetched(one)

    def test_stays_one_when_it_is_put_aside_at_the_desk(self):
        """Held and returned, it would stand before everybody of today."""
        one = self.called_for_it()
        one.start(at=NEXT_DAY + seconds(10), actor=ACTOR)
        one.hold(at=NEXT_DAY + seconds(40), actor=ACTOR, reason="not_ready")
        event = newest(one)
        assert isinstance(event, said.TicketAwaitingPickup)
        assert (event.from_state, event.reason, event.service_seconds) == ("serving", "not_ready", 60 + 30)

    def test_ends_when_it_is_sent_on(self):
        one = self.called_for_it()
        one.start(at=NEXT_DAY, actor=ACTOR)
        one.transfer(service_id="pajak", counter_id="samsat", at=NEXT_DAY, actor=ACTOR)
        one.call(desk="loket-9", line_sequence=1, at=NEXT_DAY + minutes(5), actor=ACTOR)
        one.hold(at=NEXT_DAY + minutes(6), actor=ACTOR)
        assert (one.state, one.leg.wait_seconds) == ("held", 300)

    def test_the_night_is_no_hold(self):
        one = self.called_for_it()
        event = newest(one)
        assert isinstance(event, said.TicketResumed)
        assert event.hold_seconds == 0
        one.start(at=NEXT_DAY + seconds(20), actor=ACTOR)
        one.finish(at=NEXT_DAY + seconds(50), actor=ACTOR)
        done = newest(one)
        assert isinstance(done, said.TicketServed)
        assert (done.hold_seconds, done.service_seconds, done.wait_seconds) == (0, 90, 600)


class TestNearFront:
    def test_is_said_once_for_a_leg(self):
        one = ticket()
        one.approach_front(people_before=3, at=MORNING, actor=ACTOR)
        one.approach_front(people_before=2, at=MORNING, actor=ACTOR)
        assert [recorded.event.type for recorded in one.recorded][1:] == ["queue.ticket-near-front.v1"]


class TestRefusal:
    def test_names_the_state_and_changes_nothing(self):
        one = called()
        before = one.forked()
        with pytest.raises(Refusal) as refused:
            one.finish(at=CALLED_AT, actor=ACTOR)
        assert refused.value.code == "wrong_state"
        assert refused.value.details["state"] == "called"
        assert "sedang dipanggil" in refused.value.text("id")
        assert "it is called" in refused.value.text("en")
        assert one.model_dump() == before.model_dump()

    def test_says_every_state_in_the_words_of_either_language(self):
        said_of = {}
        for state in set(TicketState) - {TicketState.SERVING}:
            one = called()
            one.state = state
            with pytest.raises(Refusal) as refused:
                one.finish(at=CALLED_AT, actor=ACTOR)
            said_of[state] = (refused.value.text("id"), refused.value.text("en"))
        assert all("_" not in text for both in said_of.values() for text in both)
        assert said_of[TicketState.NO_SHOW] == (
            "Nomor A-001 tidak dapat diselesaikan: statusnya dinyatakan tidak hadir.",
            "Ticket A-001 can't be finished: it is a no-show.",
        )


class TestDocument:
    def test_comes_back_the_same(self):
        one = serving()
        again = Ticket.from_document(one.document())
        assert again.model_dump() == one.model_dump()
        assert "round" not in ticket().document()
