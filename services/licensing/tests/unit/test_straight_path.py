"""A doctor's licence, from the draft to the hand-over, and what each step says."""

import itertools
from datetime import date

import pytest
from licensing_builders import (
    APPLICANT,
    APPROVER,
    DOCTOR,
    FRONT,
    HEALTH,
    VERIFIER,
    at_approval,
    complete,
    draft,
    events,
    reviewed,
)
from licensing_calendar import moment

from gerai.contracts import licensing as said
from gerai.licensing.domain.case import HolderKind
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.number_series import NumberSeries, series_id
from gerai.licensing.domain.permit import Permit, UnableToGrantPermit


def test_from_the_draft_to_the_hand_over():
    one = complete(at=moment("2026-11-02 10:00"))
    assert (one.state, one.running.due) == ("verification", date(2026, 11, 9))
    reviewed(one, "verifikasi", VERIFIER, at=moment("2026-11-03 09:00"))
    reviewed(one, "rekomendasi-dinkes", HEALTH, at=moment("2026-11-04 09:00"))
    assert one.state == "approval"
    one.approve(permit_id="permit-1", at=moment("2026-11-05 09:00"), actor=APPROVER)
    assert (one.state, one.running.ending) == ("signing", Ending.DECIDED)

    series = NumberSeries(
        id=series_id("muna-barat", DOCTOR.code, DOCTOR.number, date(2026, 11, 5)), tenant="muna-barat"
    )
    number = series.next_number(DOCTOR.number, day=date(2026, 11, 5))
    permit = Permit.grant(one, number=number, at=moment("2026-11-05 09:00"))
    assert permit.number == "500.16.7.2/00001/SIPD/XI/DPMPTSP/2026"
    one.sign(at=moment("2026-11-05 09:01"))
    one.issue(at=moment("2026-11-05 09:01"))
    permit.issue(DOCTOR.validity, one.answers.read(), today=date(2026, 11, 5), at=moment("2026-11-05 09:01"))
    assert (permit.state, permit.valid_until) == ("valid", date(2031, 11, 4))
    one.hand_over(at=moment("2026-11-06"), actor=FRONT)

    assert events(one) == [
        "ApplicationFiled",
        "ApplicationSubmitted",
        "ApplicationCompleted",
        "ClockStarted",
        "StageOpened",
        "ReviewClaimed",
        "ReviewFinished",
        "StageFinished",
        "StageOpened",
        "ReviewClaimed",
        "ReviewFinished",
        "StageFinished",
        "ApplicationRecommended",
        "ApprovalRequested",
        "ApplicationApproved",
        "ApplicationSigned",
        "ApplicationIssued",
        "ApplicationHandedOver",
    ]
    assert one.holder.kind is HolderKind.NOBODY


def test_every_change_of_state_is_said_and_kept_with_who_when_and_for_whom():
    one = at_approval()
    states = [(entry.from_state, entry.to_state) for entry in one.trail]
    assert states[0] == (None, "draft")
    assert all(before == after for (_, before), (after, _) in itertools.pairwise(states))
    assert [recorded.event.to_state for recorded in one.recorded] == [to for _, to in states]
    finished = next(entry for entry in reversed(one.trail) if entry.event == "ReviewFinished")
    assert (finished.actor, finished.role, finished.institution_id) == (
        "health",
        "reviewer",
        "dinas-kesehatan",
    )
    assert [entry.version for entry in one.trail] == list(range(1, len(one.trail) + 1))


def test_events_and_trail_carry_nothing_of_what_the_applicant_wrote():
    one = at_approval()
    text = str([recorded.event.model_dump() for recorded in one.recorded]) + str(one.trail)
    assert not any(
        str(answer) in text
        for answer in one.answers.read().values()
        if isinstance(answer, str) and len(answer) > 6
    )


def test_a_permit_is_granted_only_to_what_a_decision_or_a_lapse_has_granted():
    series = NumberSeries(id="s", tenant="muna-barat")
    with pytest.raises(UnableToGrantPermit):
        Permit.grant(
            at_approval(),
            number=series.next_number(DOCTOR.number, day=date(2026, 11, 5)),
            at=moment("2026-11-05"),
        )


def test_nobody_answers_in_time_and_the_law_grants_it():
    one = complete(at=moment("2026-11-02"))
    one.lapse(DOCTOR, permit_id="permit-1", at=moment("2026-11-10 00:00"))
    assert (one.state, one.basis, one.permit_id) == ("deemed_approved", "deemed_approval", "permit-1")
    assert events(one)[-2:] == ["ClockLapsed", "PermitDeemedApproved"]
    assert isinstance(one.recorded[-1].event, said.PermitDeemedApproved)
    assert "pasal 53" in one.recorded[-1].event.legal_basis
    assert one.review.open_tasks == ()
    one.sign(at=moment("2026-11-10"))
    one.issue(at=moment("2026-11-10"))
    assert one.state == "issued"


def test_a_returned_draft_says_what_to_mend_and_then_what_was_changed():
    one = draft()
    one.change_draft(
        {**one.answers.read(), "praktik_ke": 2, "nomor_str": "?"}, at=moment("2026-11-02"), actor=APPLICANT
    )
    one.submit(at=moment("2026-11-02"), actor=APPLICANT)
    one.check_completeness(DOCTOR, almanac=None, permit_id="permit-1", at=moment("2026-11-02"))
    assert (one.state, one.clock) == ("returned", None)
    assert {(mark.target, mark.code) for mark in one.marks} == {
        ("field:nomor_str", "pattern"),
        ("paper:sip-sebelumnya", "paper_missing"),
    }
    assert all(mark.text("id") and mark.text("en") for mark in one.marks)
    one.change_draft(
        {**one.answers.read(), "praktik_ke": 1, "nomor_str": "STR-0002"},
        at=moment("2026-11-03"),
        actor=APPLICANT,
    )
    one.submit(at=moment("2026-11-03"), actor=APPLICANT)
    assert {(change.target, change.kind) for change in one.changes_since_before()} == {
        ("field:nomor_str", "changed"),
        ("field:praktik_ke", "changed"),
    }
