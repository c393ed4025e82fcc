"""Whatever is asked of a ticket in whatever order: it only takes the steps that the domain's chart has."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from queue_builders import MORNING, ticket

from gerai.contracts import queue as said
from gerai.messaging.refusal import Refusal
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import AT_A_DESK, Ticket

CHART = {
    ("waiting", "called"),
    ("called", "called"),
    ("called", "serving"),
    ("serving", "served"),
    ("waiting", "cancelled"),
    ("waiting", "expired"),
    ("called", "waiting"),
    ("called", "no_show"),
    ("called", "held"),
    ("serving", "held"),
    ("serving", "waiting"),
    ("serving", "awaiting_pickup"),
    ("awaiting_pickup", "called"),
    # where nobody came for the pickup; only after it was called for it
    ("called", "awaiting_pickup"),
    ("held", "called"),
    ("held", "cancelled"),
    ("no_show", "waiting"),
    ("waiting", "waiting"),
    # the end of the day, where the site ends these too
    ("called", "expired"),
    ("held", "expired"),
}
OVER = {"served", "cancelled", "expired"}


class TicketMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = MORNING
        self.rules = Rules(grace_seconds=120)
        self.ticket = ticket()
        self.kept, self.document = self.ticket.forked(), self.ticket.document()
        self.left_for_pickup = False
        """It was served, and what was made for it was not handed over yet."""

    @initialize(served=st.booleans())
    def some_were_served_and_come_for_their_pickup(self, served: bool) -> None:
        if served:
            self.call("loket-1")
            self.plain_step("start")
            self.plain_step("await_pickup")

    def attempt(self, step: str, **more: object) -> None:
        """Refused: nothing changed. Done: one event that tells the step."""
        before = self.ticket.forked()
        state = self.ticket.state
        said_before = len(self.ticket.recorded)
        try:
            getattr(self.ticket, step)(at=self.now, actor="officer", **more)
        except Refusal as refusal:
            assert self.ticket.model_dump() == before.model_dump(), "a refused step changed something"
            assert refusal.text("id")
            assert refusal.text("en")
            return
        events = self.ticket.recorded[said_before:]
        if step == "approach_front" and not events:
            return
        (recorded,) = events
        event = recorded.event
        assert isinstance(event, said.TicketEvent)
        assert (event.from_state, event.to_state) == (state, self.ticket.state)
        assert (state, self.ticket.state) in CHART, f"{state} → {self.ticket.state} by {step}"
        if (state, self.ticket.state) == ("called", "awaiting_pickup"):
            assert self.left_for_pickup, "nothing was made for it yet"
        self.left_for_pickup = self.ticket.state == "awaiting_pickup" or (
            self.left_for_pickup and step not in {"finish", "transfer"}
        )
        assert event.leg == len(self.ticket.legs)
        assert recorded.at == self.now

    @rule(by=st.integers(0, 400))
    def time_passes(self, by: int) -> None:
        self.now += timedelta(seconds=by)

    @rule(desk=st.sampled_from(["loket-1", "loket-2"]))
    def call(self, desk: str) -> None:
        guarded = self.ticket.state == "waiting" and self.now < self.ticket.callable_from
        self.attempt("call", desk=desk, line_sequence=1)
        assert not guarded or self.ticket.state == "waiting", "called within the guard"

    @rule()
    def recall(self) -> None:
        self.attempt("recall", rules=self.rules)

    @rule(step=st.sampled_from(["start", "finish", "hold", "cancel", "expire", "await_pickup"]))
    def plain_step(self, step: str) -> None:
        self.attempt(step)

    @rule(step=st.sampled_from(["mark_missed", "reinstate", "return_to_queue"]))
    def step_by_rules(self, step: str) -> None:
        self.attempt(step, rules=self.rules)

    @rule()
    def resume(self) -> None:
        self.attempt("resume", desk="loket-3")

    @rule(service=st.sampled_from(["nib", "pajak", "izin"]))
    def transfer(self, service: str) -> None:
        self.attempt("transfer", service_id=service, counter_id=f"of-{service}")

    @rule(people=st.integers(0, 3))
    def approach_front(self, people: int) -> None:
        self.attempt("approach_front", people_before=people)

    @invariant()
    def has_a_desk_exactly_while_it_is_at_one(self) -> None:
        assert (self.ticket.desk_id is not None) == (self.ticket.state in AT_A_DESK)

    @invariant()
    def stays_a_pickup_until_it_is_over_or_sent_on(self) -> None:
        if self.left_for_pickup:
            assert self.ticket.state in {"awaiting_pickup", "called", "serving"}

    @invariant()
    def only_the_present_leg_is_open(self) -> None:
        *closed, present = self.ticket.legs
        assert all(leg.outcome == "transferred" for leg in closed)
        assert (present.outcome is not None) == (self.ticket.state in {*OVER, "no_show"})
        assert (present.service_id, present.counter_id) == (self.ticket.service_id, self.ticket.counter_id)

    @invariant()
    def keeps_its_number_and_its_times(self) -> None:
        assert (self.ticket.number, self.ticket.n) == ("A-001", 1)
        spent = sum(
            leg.wait_seconds + leg.walk_seconds + leg.service_seconds + leg.hold_seconds
            for leg in self.ticket.legs
        )
        assert 0 <= spent <= (self.now - MORNING).total_seconds() + 0.01

    @invariant()
    def survives_the_store(self) -> None:
        update = self.ticket.update_of(self.kept)
        left = {name: one for name, one in self.document.items() if name not in update.get("$unset", {})}
        self.document = {**left, **update["$set"]}
        self.kept = self.ticket.forked()
        for document in (self.ticket.document(), dict(self.document)):
            assert Ticket.from_document(document).model_dump() == self.ticket.model_dump()


TestTicketMachine = TicketMachine.TestCase
TestTicketMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
