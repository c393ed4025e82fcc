"""How an application ends beside the straight way: refused, objected to, withdrawn, granted by declaration."""

from datetime import date
from typing import Any

import pytest
from licensing_builders import (
    APPLICANT,
    APPROVER,
    DOCTOR,
    SUPERIOR,
    VERIFIER,
    WEEK,
    at_approval,
    complete,
    draft,
    paper,
    permit_type,
    reviewed,
)
from licensing_calendar import moment

from gerai.contracts.licensing import ApplicationState, Verdict
from gerai.licensing.domain.actor import Actor, Role
from gerai.licensing.domain.application import Application
from gerai.licensing.domain.clock_terms import PauseReason
from gerai.licensing.domain.marks import Mark
from gerai.licensing.domain.reasons import RejectionReason
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


class TestRefusalAndRemedy:
    @staticmethod
    def rejected() -> Application:
        one = complete(at=moment("2026-11-02"))
        reviewed(one, "verifikasi", VERIFIER, at=moment("2026-11-03"), verdict=Verdict.NOT_RECOMMENDED)
        assert one.state == "not_recommended"
        one.reject(RejectionReason.NOT_RECOMMENDED, almanac=WEEK, at=moment("2026-11-04"), actor=APPROVER)
        return one

    def test_an_objection_within_21_working_days_is_decided_by_another_approver(self):
        one = self.rejected()
        assert one.remedy_until == date(2026, 12, 3)
        too_late = one.forked()
        refused(
            "too_late", too_late.object_to_rejection, almanac=WEEK, at=moment("2026-12-04"), actor=APPLICANT
        )
        one.object_to_rejection(almanac=WEEK, at=moment("2026-12-03"), actor=APPLICANT)
        refused("four_eyes", one.grant_objection, permit_id="p", at=moment("2026-12-04"), actor=APPROVER)
        other = APPROVER.model_copy(update={"id": "other-head"})
        one.grant_objection(permit_id="p", at=moment("2026-12-04"), actor=other)
        assert (one.state, one.basis, one.permit_id) == ("signing", "objection", "p")

    def test_a_dismissed_one_goes_to_the_superior_and_ends_there(self):
        one = self.rejected()
        one.object_to_rejection(almanac=WEEK, at=moment("2026-11-05"), actor=APPLICANT)
        other = APPROVER.model_copy(update={"id": "other-head"})
        one.dismiss_objection(almanac=WEEK, at=moment("2026-11-06"), actor=other)
        one.appeal(almanac=WEEK, at=moment("2026-11-09"), actor=APPLICANT)
        one.dismiss_appeal(at=moment("2026-11-10"), actor=SUPERIOR)
        assert (one.state, one.basis) == ("appeal_dismissed", None)
        assert one.offers(APPLICANT, APPROVER, SUPERIOR, at=moment("2026-11-11")) == ()

    def test_silence_grants_an_objection(self):
        one = self.rejected()
        one.object_to_rejection(almanac=WEEK, at=moment("2026-11-05"), actor=APPLICANT)
        refused("time_left", one.grant_by_silence, permit_id="p", almanac=WEEK, at=moment("2026-11-19"))
        one.grant_by_silence(permit_id="p", almanac=WEEK, at=moment("2026-11-20"))
        assert (one.state, one.basis) == ("signing", "objection")


class TestWithdrawal:
    def test_is_open_until_the_decision_and_to_the_applicant_alone(self):
        for one in (draft(), complete(), at_approval()):
            stranger = APPLICANT.model_copy(update={"party_id": "party-other"})
            refused("not_yours", one.withdraw, at=moment("2026-11-03"), actor=stranger)
            one.withdraw(at=moment("2026-11-03"), actor=APPLICANT)
            assert (one.state, one.review.open_tasks) == ("withdrawn", ())
        decided = at_approval()
        decided.approve(permit_id="p", at=moment("2026-11-03"), actor=APPROVER)
        refused("wrong_state", decided.withdraw, at=moment("2026-11-03"), actor=APPLICANT)
        refused("wrong_state", one.approve, permit_id="p", at=moment("2026-11-03"), actor=APPROVER)


class TestDeclaration:
    def test_grants_at_once_without_a_clock(self):
        type = permit_type("spp-irt")
        one = Application.file(
            type, id="c", tenant="t", party_id="party-siti", at=moment("2026-11-02"), actor=APPLICANT
        )
        answers = {
            "nib": "1" * 13,
            "nama_produk": "Abon",
            "jenis_pangan": "ikan",
            "kemasan": "plastik",
            "komitmen": "setuju",
        }
        one.change_draft(answers, at=moment("2026-11-02"), actor=APPLICANT)
        one.add_paper(paper("rancangan-label"), at=moment("2026-11-02"), actor=APPLICANT)
        one.submit(at=moment("2026-11-02"), actor=APPLICANT)
        one.check_completeness(type, almanac=WEEK, permit_id="p", at=moment("2026-11-02"))
        assert (one.state, one.basis, one.clock) == (ApplicationState.SIGNING, "declaration", None)
        one.sign(at=moment("2026-11-02"))
        one.issue(at=moment("2026-11-02"))
        assert one.state == "issued"
