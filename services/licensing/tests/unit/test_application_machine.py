"""Whatever anybody does to an application, in whatever order: it is decided, lapsed or withdrawn once, what is offered is
what is allowed, and a permit exists exactly where a decision or a lapse says so."""

import itertools
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from licensing_builders import (
    ANSWERS,
    APPLICANT,
    APPROVER,
    FRONT,
    HEALTH,
    SUPERIOR,
    VERIFIER,
    draft,
    permit_type,
)
from licensing_calendar import DAY, PlainCalendar, moment

from gerai.contracts.licensing import Verdict
from gerai.licensing.domain.actor import SYSTEM, Actor, Role
from gerai.licensing.domain.application import Application
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.clock_terms import PauseReason
from gerai.licensing.domain.marks import Mark
from gerai.licensing.domain.reasons import RejectionReason
from gerai.licensing.domain.steps import TABLE, Offer, StepName, UnableToActHere, UnableToTakeStep
from gerai.licensing.domain.working_days import Almanac, Outage
from gerai.messaging.refusal import Refusal

INSPECTOR = Actor(id="inspector", role=Role.INSPECTOR, institution_id="dinas-kesehatan")
TREASURER = Actor(id="treasurer", role=Role.FEE_OFFICER, institution_id="dpmptsp")
TWO_HATS = Actor(id="verifier", role=Role.APPROVER, institution_id="dpmptsp")
OTHER_APPROVER = Actor(id="other-head", role=Role.APPROVER, institution_id="dpmptsp")
STRANGER = Actor(id="stranger", role=Role.APPLICANT, party_id="party-other")
SUPERVISOR = Actor(id="chief", role=Role.SUPERVISOR, institution_id="dpmptsp")
PEOPLE = (
    APPLICANT,
    STRANGER,
    FRONT,
    VERIFIER,
    HEALTH,
    INSPECTOR,
    TREASURER,
    APPROVER,
    OTHER_APPROVER,
    TWO_HATS,
)
PEOPLE = (*PEOPLE, SUPERVISOR, SUPERIOR)
DECIDERS = (APPROVER, OTHER_APPROVER, TWO_HATS, SUPERIOR)
FEE = {"kind": "fixed", "basis": "Perda", "base": 50_000, "working_days": 1, "due_days": 3}
TIME = {"working_days": 7, "clarification": {"times": 2, "days": 3}, "payment": {"times": 1, "days": 3}}
TYPES = {
    "free": permit_type(),
    "charged": permit_type(fee=FEE, time=TIME),
    "escalated": permit_type(lapse={"deemed_approval": False}),
}
STAGES = ("verifikasi", "rekomendasi-dinkes", "pemeriksaan")
UNREADABLE = [Mark.on_paper("ktp", "unreadable")]
GRANTED = {"signing", "signed", "issued", "handed_over", "deemed_approved"}


class ApplicationMachine(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from(sorted(TYPES)))
    def begin(self, kind):
        self.type, self.now = TYPES[kind], moment("2026-11-02")
        self.calendar, self.outages = PlainCalendar(), ()
        self.application = draft(self.type)
        self.consumed = 0

    @property
    def almanac(self):
        return Almanac(self.calendar, self.outages)

    def attempt(self, act, *args, **more) -> bool:
        """As a unit of work does: on a copy, which a refusal throws away."""
        before = self.application
        fork = before.forked()
        fork._recorded = before.recorded
        try:
            getattr(fork, act)(*args, at=self.now, **more)
        except Refusal as refusal:
            assert refusal.text("id")
            assert refusal.text("en")
            self.refusal = refusal
            return False
        self.application, self.refusal = fork, None
        if before.clock is not None and fork.clock is not None:
            assert before.clock.ending in (None, fork.clock.ending), "an ending was taken back"
        return True

    def step(self, name: StepName, actor: Actor, act, *args, stage=None, **more) -> None:
        offered = Offer(step=name, stage=stage) in self.application.offers(actor, at=self.now)
        done = self.attempt(act, *args, actor=actor, **more)
        if done:
            assert offered, f"{name} was done and not offered to {actor}"
        elif offered:
            assert not isinstance(self.refusal, UnableToTakeStep | UnableToActHere), (
                f"{name} was offered: {self.refusal}"
            )

    @rule(minutes=st.sampled_from([1, 600, 1_440, 4_400, 20_000]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(steps=st.integers(1, 5), decides=st.booleans())
    def goes_on_as_it_should(self, steps, decides):
        """So that what comes late in a case is reached often; what else may happen, the other rules do."""
        for _ in range(steps):
            match self.application.state:
                case "draft" | "returned":
                    self.change_draft(APPLICANT, True)
                    self.submit(APPLICANT)
                case "verification":
                    self.finish(VERIFIER, "verifikasi", False, 1)
                case "technical_review":
                    self.finish(HEALTH, "rekomendasi-dinkes", False, 1)
                case "inspection":
                    self.attempt("claim", "pemeriksaan", actor=INSPECTOR)
                    self.inspect()
                    self.finish(INSPECTOR, "pemeriksaan", False, 1)
                case "clarification_requested":
                    self.answer(APPLICANT)
                case "recommended" | "fee_assessed":
                    self.pay(TREASURER)
                case "awaiting_payment":
                    self.bank(True)
                case "approval" if decides:
                    self.decide(APPROVER, True)

    @rule(actor=st.sampled_from(PEOPLE))
    def submit(self, actor):
        self.step(StepName.SUBMIT, actor, "submit")
        self.attempt("check_completeness", self.type, almanac=self.almanac, permit_id="p")

    @rule(actor=st.sampled_from(PEOPLE), good=st.booleans())
    def change_draft(self, actor, good):
        self.step(StepName.CHANGE_DRAFT, actor, "change_draft", ANSWERS if good else {})

    @rule(
        actor=st.sampled_from(PEOPLE),
        stage=st.sampled_from(STAGES),
        name=st.sampled_from([StepName.CLAIM, StepName.RELEASE]),
    )
    def task(self, actor, stage, name):
        self.step(name, actor, name.value, stage, stage=stage)

    @rule(
        actor=st.sampled_from([VERIFIER, HEALTH, INSPECTOR]),
        stage=st.sampled_from(STAGES),
        asks=st.booleans(),
        good=st.integers(0, 4),
    )
    def finish(self, actor, stage, asks, good):
        verdict = Verdict.RECOMMENDED if good else Verdict.NOT_RECOMMENDED
        self.attempt("claim", stage, actor=actor)
        more = {"type": self.type, "asks_inspection": asks}
        self.step(StepName.FINISH_REVIEW, actor, "finish_review", stage, verdict, stage=stage, **more)

    @rule()
    def inspect(self):
        on = self.application.clock.day_of(self.now) if self.application.clock else self.now.date()
        self.attempt("schedule_inspection", "pemeriksaan", on=on, inspectors=["inspector"], actor=INSPECTOR)
        self.attempt(
            "report_inspection", "pemeriksaan", report_id="b", picture_ids=[], fit=True, actor=INSPECTOR
        )

    @rule(actor=st.sampled_from([VERIFIER, HEALTH, INSPECTOR]), stage=st.sampled_from(STAGES))
    def ask(self, actor, stage):
        self.attempt("claim", stage, actor=actor)
        more = {"type": self.type, "almanac": self.almanac}
        args = (stage, UNREADABLE, PauseReason.PAPER_WRONG)
        self.step(StepName.ASK_APPLICANT, actor, "ask_applicant", *args, stage=stage, **more)

    @rule(actor=st.sampled_from(PEOPLE))
    def answer(self, actor):
        self.step(StepName.ANSWER, actor, "answer", ANSWERS, almanac=self.almanac)

    @rule(actor=st.sampled_from(PEOPLE))
    def pay(self, actor):
        self.step(StepName.ASSESS_FEE, actor, "assess_fee", self.type)
        self.step(StepName.REQUEST_PAYMENT, actor, "request_payment", bill_id="b", almanac=self.almanac)

    @rule(paid=st.booleans())
    def bank(self, paid):
        if paid:
            self.attempt("confirm_payment", almanac=self.almanac)
        elif self.application.clock and not self.application.clock.is_paused(self.now):
            self.attempt("close_unpaid")

    @rule(actor=st.sampled_from((*DECIDERS, STRANGER)), grant=st.booleans())
    def decide(self, actor, grant):
        if grant:
            self.step(StepName.APPROVE, actor, "approve", permit_id="p")
        else:
            self.step(StepName.REJECT, actor, "reject", RejectionReason.OTHER, almanac=self.almanac)

    @rule(actor=st.sampled_from((*DECIDERS, APPLICANT, APPLICANT)), grant=st.booleans())
    def remedy(self, actor, grant):
        self.step(StepName.OBJECT, actor, "object_to_rejection", almanac=self.almanac)
        self.step(StepName.APPEAL, actor, "appeal", almanac=self.almanac)
        if grant:
            self.step(StepName.DECIDE_OBJECTION, actor, "grant_objection", permit_id="p")
            self.step(StepName.DECIDE_APPEAL, actor, "grant_appeal", permit_id="p")
        else:
            self.step(StepName.DECIDE_OBJECTION, actor, "dismiss_objection", almanac=self.almanac)
            self.step(StepName.DECIDE_APPEAL, actor, "dismiss_appeal")

    @rule(actor=st.sampled_from(PEOPLE))
    def withdraw(self, actor):
        self.step(StepName.WITHDRAW, actor, "withdraw")

    @rule(actor=st.sampled_from(PEOPLE))
    def conclude(self, actor):
        self.attempt("sign")
        self.attempt("issue")
        self.step(StepName.HAND_OVER, actor, "hand_over")

    @rule()
    def timers(self):
        """In any order, and too early."""
        clock = self.application.clock
        was_over = clock is not None and clock.ending is None and clock.has_lapsed(self.now)
        lapsed = self.attempt("lapse", self.type, permit_id="p")
        assert not lapsed or was_over
        if self.application.clock is not None:
            self.attempt("go_on")
            self.attempt("warn")

    @rule(first=st.integers(-3, 5), days=st.integers(0, 5), holiday=st.booleans())
    def another_almanac(self, first, days, holiday):
        begins = self.now.astimezone(PlainCalendar.zone).date() + first * DAY
        if holiday:
            days_off = {**self.calendar.holidays, begins: "Libur"}
            self.calendar = PlainCalendar(days_off, version=self.calendar.version + 1)
        else:
            self.outages = (*self.outages, Outage(decree="188", first=begins, last=begins + days * DAY))
        if self.application.clock is not None:
            fork = self.application.forked()
            fork._recorded = self.application.recorded
            try:
                fork.reschedule(self.almanac, at=self.now)
            except Refusal:
                return
            self.application = fork

    @invariant()
    def the_clock_only_goes_on(self):
        if hasattr(self, "application") and self.application.clock is not None:
            consumed = self.application.clock.consumed(self.now)
            assert consumed >= self.consumed
            self.consumed = consumed

    @invariant()
    def a_permit_exists_exactly_where_a_decision_or_a_lapse_says_so(self):
        if hasattr(self, "application"):
            one = self.application
            assert (one.permit_id is not None) == (one.basis is not None) == (one.state in GRANTED)
            endings = {"ApplicationApproved", "ApplicationRejected", "ClockLapsed", "ApplicationWithdrawn"}
            ended = [entry.event for entry in one.trail if entry.event in endings]
            if one.escalated_at is None:
                assert len(ended) <= 1
            if one.clock is not None and one.clock.ending is not None:
                first = {"ClockLapsed": Ending.LAPSED, "ApplicationWithdrawn": Ending.WITHDRAWN}
                assert one.clock.ending is first.get(ended[0], Ending.DECIDED)

    @invariant()
    def nobody_decided_on_what_they_had_a_hand_in(self):
        if hasattr(self, "application"):
            hands: set[str] = set()
            for entry in self.application.trail:
                decides = entry.event in {"ApplicationApproved", "ApplicationRejected", "RemedyGranted"}
                assert not (decides and entry.actor in hands), entry
                if entry.role not in (Role.APPROVER, Role.SUPERIOR, Role.SUPERVISOR, Role.SYSTEM):
                    hands.add(entry.actor)

    @invariant()
    def every_step_is_said_and_follows_the_one_before(self):
        if hasattr(self, "application"):
            states = [(entry.from_state, entry.to_state) for entry in self.application.trail]
            assert all(before[1] == after[0] for before, after in itertools.pairwise(states))
            assert states[-1][1] == self.application.state
            assert [entry.event for entry in self.application.trail] == [
                type(one.event).__name__ for one in self.application.recorded
            ]

    @invariant()
    def who_holds_it_and_what_can_be_done_can_always_be_said(self):
        if hasattr(self, "application"):
            assert self.application.holder.since <= self.now
            assert all(offer.step in TABLE for offer in self.application.offers(*PEOPLE, SYSTEM, at=self.now))

    @invariant()
    def it_survives_the_store(self):
        if hasattr(self, "application"):
            read = Application.from_document(self.application.document())
            assert read.model_dump() == self.application.model_dump()


TestApplicationMachine = ApplicationMachine.TestCase
TestApplicationMachine.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
