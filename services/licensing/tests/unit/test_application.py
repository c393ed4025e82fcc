"""Every way that an application can take, and every one that is closed."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from licensing_builders import (
    ANSWERS,
    APPLICANT,
    APPROVER,
    DOCTOR,
    FRONT,
    HEALTH,
    VERIFIER,
    WEEK,
    at_approval,
    complete,
    events,
    paper,
    permit_type,
    reviewed,
)
from licensing_calendar import DAY, PlainCalendar, moment

from gerai.contracts.licensing import Verdict
from gerai.licensing.domain.actor import Actor, Role
from gerai.licensing.domain.application import Application
from gerai.licensing.domain.case import HolderKind
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.clock_terms import PauseReason
from gerai.licensing.domain.marks import Mark
from gerai.licensing.domain.permit_type import PermitType
from gerai.licensing.domain.reasons import RejectionReason
from gerai.licensing.domain.working_days import Almanac, Outage
from gerai.messaging.refusal import Refusal

INSPECTOR = Actor(id="inspector", role=Role.INSPECTOR, institution_id="dinas-kesehatan")
SUPERVISOR = Actor(id="chief", role=Role.SUPERVISOR, institution_id="dpmptsp")
UNREADABLE = [Mark.on_paper("ktp", "unreadable")]


def refused(code: str, act: Any, *args: Any, **more: Any) -> None:
    with pytest.raises(Refusal) as raised:
        act(*args, **more)
    assert raised.value.code == code
    assert raised.value.text("id")
    assert raised.value.text("en")


def asked(one: Application, at: str, stage: str = "verifikasi", actor: Actor = VERIFIER) -> None:
    if one.review.task(stage, actor.institution_id).assignee is None:
        one.claim(stage, at=moment(at), actor=actor)
    one.ask_applicant(
        stage, UNREADABLE, PauseReason.PAPER_UNREADABLE, type=DOCTOR, almanac=WEEK, at=moment(at), actor=actor
    )


class TestAQuestion:
    def test_sends_the_file_to_the_applicant_and_back_to_where_it_was(self):
        one = complete()
        asked(one, "2026-11-03")
        assert (one.state, one.holder.kind) == ("clarification_requested", HolderKind.APPLICANT)
        one.add_paper(paper("ktp", version=2), at=moment("2026-11-04"), actor=APPLICANT)
        one.answer(ANSWERS, almanac=WEEK, at=moment("2026-11-04"), actor=APPLICANT)
        assert (one.state, one.marks) == ("verification", ())
        assert events(one)[-4:] == [
            "ClarificationRequested",
            "ClockPaused",
            "ClockResumed",
            "ClarificationAnswered",
        ]
        assert [change.target for change in one.changes_since_before()] == ["paper:ktp"]
        assert one.review.task("verifikasi", "dpmptsp").assignee == "verifier"

    def test_never_restarts_the_clock_however_late_it_comes(self):
        one = complete(at=moment("2026-11-02"))
        asked(one, "2026-11-06")  # four of five days are used when it ends
        one.answer(ANSWERS, almanac=WEEK, at=moment("2026-11-11"), actor=APPLICANT)
        assert one.running.due == date(2026, 11, 12)
        assert one.running.left(moment("2026-11-12")) == 1

    def test_is_over_when_the_budget_is_used_up_whether_or_not_a_timer_has_fired(self):
        one = complete(at=moment("2026-11-02"))
        asked(one, "2026-11-03")
        resumes = one.running.resumes_at
        late = one.forked()
        late._catch_up(resumes + timedelta(minutes=3))
        one.go_on(at=resumes)
        assert one.state == late.state == "verification"
        refused("wrong_state", one.answer, ANSWERS, almanac=WEEK, at=resumes, actor=APPLICANT)
        offered = [offer.step for offer in one.offers(VERIFIER, at=resumes)]
        assert offered == ["release", "finish_review"], "the budget for questions is used up, too"

    def test_needs_marks_that_fit_a_reason_that_is_one_and_a_task_of_ones_own(self):
        one = complete()
        at, more = moment("2026-11-03"), {"type": DOCTOR, "almanac": WEEK, "actor": VERIFIER}
        refused(
            "not_your_task",
            one.ask_applicant,
            "verifikasi",
            UNREADABLE,
            PauseReason.PAPER_WRONG,
            at=at,
            **more,
        )
        one.claim("verifikasi", at=at, actor=VERIFIER)
        refused("nothing_marked", one.ask_applicant, "verifikasi", [], PauseReason.PAPER_WRONG, at=at, **more)
        unknown = [Mark.on_paper("ijazah", "unreadable")]
        refused(
            "mark_unknown", one.ask_applicant, "verifikasi", unknown, PauseReason.PAPER_WRONG, at=at, **more
        )
        pay = PauseReason.PAYMENT_PENDING
        refused("reason_not_for_questions", one.ask_applicant, "verifikasi", UNREADABLE, pay, at=at, **more)

    def test_is_not_offered_when_the_budget_would_refuse_it(self):
        one = complete(at=moment("2026-11-02"))
        one.claim("verifikasi", at=moment("2026-11-03"), actor=VERIFIER)
        last_day = moment("2026-11-09")
        assert "ask_applicant" not in [offer.step for offer in one.offers(VERIFIER, at=last_day)]
        refused("last_day", asked, one, "2026-11-09")


class TestFourEyes:
    def test_nobody_approves_or_refuses_what_they_reviewed_or_filed(self):
        one = at_approval()
        for person in ("verifier", "health", "subject-of-siti"):
            same = Actor(id=person, role=Role.APPROVER, institution_id="dpmptsp")
            refused("four_eyes", one.approve, permit_id="p", at=moment("2026-11-03"), actor=same)
            refused(
                "four_eyes",
                one.reject,
                RejectionReason.OTHER,
                almanac=WEEK,
                at=moment("2026-11-03"),
                actor=same,
            )
            assert one.offers(same, at=moment("2026-11-03")) == ()

    def test_nor_does_whoever_uses_the_power_of_such_a_one(self):
        one = at_approval()
        lent = Actor(id="deputy", role=Role.APPROVER, institution_id="dpmptsp", delegated_by="verifier")
        refused("four_eyes", one.approve, permit_id="p", at=moment("2026-11-03"), actor=lent)
        lent = lent.model_copy(update={"delegated_by": "head"})
        one.approve(permit_id="p", at=moment("2026-11-03"), actor=lent)
        assert one.recorded[-1].event.delegated_by == "head"

    def test_an_officer_who_filed_at_the_counter_does_not_decide(self):
        one = complete(actor=FRONT)
        same = Actor(id="front", role=Role.APPROVER, institution_id="dpmptsp")
        reviewed(one, "verifikasi", VERIFIER, at=moment("2026-11-03"))
        reviewed(one, "rekomendasi-dinkes", HEALTH, at=moment("2026-11-03"))
        refused("four_eyes", one.approve, permit_id="p", at=moment("2026-11-03"), actor=same)

    def test_an_approver_of_another_institution_does_not_either(self):
        other = APPROVER.model_copy(update={"institution_id": "dinas-kesehatan"})
        refused(
            "other_institution", at_approval().approve, permit_id="p", at=moment("2026-11-03"), actor=other
        )


class TestTasks:
    def test_are_claimed_released_and_reassigned_within_their_institution(self):
        one, at = complete(), moment("2026-11-03")
        other = VERIFIER.model_copy(update={"id": "second"})
        refused("other_institution", one.claim, "verifikasi", at=at, actor=HEALTH)
        one.claim("verifikasi", at=at, actor=VERIFIER)
        assert one.holder.officers == ("verifier",)
        refused("task_not_in_pool", one.claim, "verifikasi", at=at, actor=other)
        refused("not_your_task", one.release, "verifikasi", at=at, actor=other)
        one.reassign("verifikasi", to="second", at=at, actor=SUPERVISOR)
        one.release("verifikasi", at=at, actor=other)
        assert one.holder.officers == ()
        assert one.holder.since == at

    def test_go_back_to_the_pool_when_their_officer_is_absent(self):
        one, at = complete(), moment("2026-11-03")
        one.claim("verifikasi", at=at, actor=VERIFIER)
        assert one.return_tasks_of("verifier", at=at + DAY)
        assert one.review.task("verifikasi", "dpmptsp").assignee is None
        assert not one.return_tasks_of("verifier", at=at + DAY)

    def test_are_not_taken_by_somebody_in_another_role(self):
        reviewer = Actor(id="x", role=Role.REVIEWER, institution_id="dpmptsp")
        refused("not_your_task", complete().claim, "verifikasi", at=moment("2026-11-03"), actor=reviewer)


class TestParallelReviews:
    @staticmethod
    def type(join: str) -> PermitType:
        stage = {
            "code": "bersama",
            "title": {"id": "Bersama", "en": "Together"},
            "kind": "technical_review",
            "institutions": ["a", "b", "c"],
            "working_days": 3,
            "join": join,
        }
        duties = [{"role": "reviewer", "institution": one} for one in "abc"]
        duties.append({"role": "approver", "institution": "dpmptsp"})
        return permit_type(stages=[stage], duties=duties)

    @pytest.mark.parametrize("order", ["abc", "cab", "bca"])
    @pytest.mark.parametrize(
        ("join", "yes", "state"),
        [
            ("all", "abc", "approval"),
            ("all", "ab", "not_recommended"),
            ("any", "c", "approval"),
            ("any", "", "not_recommended"),
            ("majority", "ac", "approval"),
            ("majority", "b", "not_recommended"),
        ],
    )
    def test_come_to_the_same_verdict_in_any_order(self, order: str, join: str, yes: str, state: str):
        type = self.type(join)
        one = complete(type)
        for institution in order:
            actor = Actor(id=f"officer-{institution}", role=Role.REVIEWER, institution_id=institution)
            if one.review.task("bersama", institution) is None:
                continue  # decided already
            verdict = Verdict.RECOMMENDED if institution in yes else Verdict.NOT_RECOMMENDED
            reviewed(one, "bersama", actor, at=moment("2026-11-03"), type=type, verdict=verdict)
        assert one.state == state
        assert one.review.open_tasks == ()

    def test_in_stages_side_by_side_the_state_says_the_earliest_and_every_step_is_said(self):
        type = permit_type("izin-klinik")
        one = Application.file(
            type, id="c", tenant="t", party_id="party-siti", at=moment("2026-11-02"), actor=APPLICANT
        )
        answers = {"nib": "1" * 13, "nama_klinik": "K", "jenis": "utama", "alamat": "L", "jumlah_dokter": 2}
        one.change_draft(answers, at=moment("2026-11-02"), actor=APPLICANT)
        for rule in type.papers:
            one.add_paper(paper(rule.kind), at=moment("2026-11-02"), actor=APPLICANT)
        one.submit(at=moment("2026-11-02"), actor=APPLICANT)
        one.check_completeness(type, almanac=WEEK, permit_id="p", at=moment("2026-11-02"))
        at = moment("2026-11-03")
        reviewed(one, "verifikasi", VERIFIER, at=at, type=type)
        assert (one.state, set(one.review.open_stages)) == (
            "technical_review",
            {"telaah-lingkungan", "telaah-kesehatan"},
        )
        green = Actor(id="green", role=Role.REVIEWER, institution_id="dinas-lingkungan-hidup")
        reviewed(one, "telaah-kesehatan", HEALTH, at=at, type=type)
        assert set(one.review.open_stages) == {"telaah-lingkungan", "visitasi"}
        reviewed(one, "telaah-lingkungan", green, at=at, type=type)
        assert one.state == "inspection"
        states = [(entry.from_state, entry.to_state) for entry in one.trail]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(states))


class TestInspection:
    def test_happens_only_where_it_was_asked_for_and_needs_its_report(self):
        one, at = complete(), moment("2026-11-03")
        reviewed(one, "verifikasi", VERIFIER, at=at)
        reviewed(one, "rekomendasi-dinkes", HEALTH, at=at, asks_inspection=True)
        assert one.state == "inspection"
        one.claim("pemeriksaan", at=at, actor=INSPECTOR)
        finish = {"type": DOCTOR, "at": at, "actor": INSPECTOR}
        refused("not_inspected", one.finish_review, "pemeriksaan", Verdict.RECOMMENDED, **finish)
        report = {"report_id": "bap-1", "picture_ids": ["p1"], "fit": True, "actor": INSPECTOR}
        refused("not_scheduled", one.report_inspection, "pemeriksaan", at=at, **report)
        plan = {"inspectors": ["inspector"], "actor": INSPECTOR}
        refused("date_over", one.schedule_inspection, "pemeriksaan", on=date(2026, 11, 2), at=at, **plan)
        one.schedule_inspection("pemeriksaan", on=date(2026, 11, 4), at=at, **plan)
        refused("inspection_to_come", one.report_inspection, "pemeriksaan", at=at, **report)
        one.report_inspection("pemeriksaan", at=at + DAY, **report)
        refused("reported_already", one.report_inspection, "pemeriksaan", at=at + DAY, **report)
        one.finish_review("pemeriksaan", Verdict.RECOMMENDED, **{**finish, "at": at + DAY})
        assert one.state == "approval"


class TestTheEndOfTime:
    def test_a_decision_in_the_last_second_holds_and_one_later_does_not(self):
        last, midnight = moment("2026-11-09 23:59:59"), moment("2026-11-10 00:00")
        in_time, late = at_approval(), at_approval()
        in_time.approve(permit_id="p", at=last, actor=APPROVER)
        refused("wrong_state", in_time.lapse, DOCTOR, permit_id="p", at=midnight)
        refused("lapsed", late.approve, permit_id="p", at=midnight, actor=APPROVER)
        refused("lapsed", late.withdraw, at=midnight, actor=APPLICANT)
        assert late.offers(APPROVER, APPLICANT, VERIFIER, at=midnight) == ()
        late.lapse(DOCTOR, permit_id="p", at=midnight)
        assert (in_time.running.ending, late.running.ending) == (Ending.DECIDED, Ending.LAPSED)

    def test_without_deemed_approval_it_is_escalated_once_and_decided_late(self):
        type = permit_type(lapse={"deemed_approval": False})
        one = complete(type)
        refused("not_due", one.lapse, type, permit_id="-", at=moment("2026-11-09"))
        one.lapse(type, permit_id="-", at=moment("2026-11-10 00:00"))
        assert events(one)[-2:] == ["ClockLapsed", "ApplicationEscalated"]
        assert (one.state, one.permit_id, one.basis) == ("verification", None, None)
        refused("ended", one.lapse, type, permit_id="-", at=moment("2026-11-11"))
        at = moment("2026-11-12")
        reviewed(one, "verifikasi", VERIFIER, at=at, type=type)
        reviewed(one, "rekomendasi-dinkes", HEALTH, at=at, type=type)
        one.approve(permit_id="p", at=at, actor=APPROVER)
        assert (one.state, one.running.ending) == ("signing", Ending.LAPSED)

    def test_an_outage_and_a_holiday_move_it_and_say_so(self):
        one = complete(at=moment("2026-11-02"))
        outage = Almanac(
            PlainCalendar(), [Outage(decree="188", first=date(2026, 11, 4), last=date(2026, 11, 5))]
        )
        one.reschedule(outage, at=moment("2026-11-03"))
        event = one.recorded[-1].event
        assert (event.due_before, event.due) == (date(2026, 11, 9), date(2026, 11, 11))
        said_before = len(one.recorded)
        one.reschedule(outage, at=moment("2026-11-03"))
        assert len(one.recorded) == said_before

    def test_it_warns_once(self):
        one = complete(at=moment("2026-11-02"))
        refused("not_due", one.warn, at=moment("2026-11-06"))
        one.warn(at=moment("2026-11-09"))
        assert one.recorded[-1].event.left == 1
        refused("warned_already", one.warn, at=moment("2026-11-09"))


def test_a_case_survives_the_store():
    one = complete(at=moment("2026-11-02"))
    asked(one, "2026-11-03")
    read = Application.from_document(one.document())
    assert read.model_dump() == one.model_dump()
