"""Fees, bills, what the bank says, numbers, delegations, outages, versions of types, and the life of a permit."""

from datetime import date
from typing import Any

import pytest
from licensing_builders import (
    APPLICANT,
    APPROVER,
    DOCTOR,
    FRONT,
    HEALTH,
    SUPERIOR,
    TENANT,
    TYPES,
    VERIFIER,
    WEEK,
    at_approval,
    complete,
    permit_type,
    reviewed,
)
from licensing_calendar import moment

from gerai.licensing.adapters.permit_type_files import definitions_in
from gerai.licensing.domain.actor import Actor, Role
from gerai.licensing.domain.application import Application
from gerai.licensing.domain.bill import Bill, Payment, PaymentAnswer
from gerai.licensing.domain.case import FollowKind
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.delegation import Delegation
from gerai.licensing.domain.fee import FeeRule
from gerai.licensing.domain.json_text import JsonText
from gerai.licensing.domain.number_series import NumberSeries, series_id
from gerai.licensing.domain.outages import Outages
from gerai.licensing.domain.permit import Permit, last_day
from gerai.licensing.domain.permit_number import NumberFormat
from gerai.licensing.domain.permit_type import PermitType, Validity
from gerai.licensing.domain.reasons import PermitReason
from gerai.licensing.domain.type_versions import OfferedType, TypeVersion
from gerai.messaging.refusal import Refusal

AT = moment("2026-11-04")
TREASURER = Actor(id="treasurer", role=Role.FEE_OFFICER, institution_id="dpmptsp")


def refused(code: str, act: Any, *args: Any, **more: Any) -> None:
    with pytest.raises(Refusal) as raised:
        act(*args, **more)
    assert raised.value.code == code
    assert raised.value.text("id")
    assert raised.value.text("en")


class TestAFee:
    def test_is_reckoned_in_whole_rupiah(self):
        rule = FeeRule.model_validate(
            {
                "kind": "per_unit",
                "basis": "Perda",
                "base": 10_000,
                "parts": [{"field": "m2", "per_unit": 1_234}],
                "working_days": 1,
                "due_days": 10,
            }
        )
        assert rule.reckon({"m2": 0.1 + 0.2}) == 10_370
        assert rule.reckon({"m2": True}) == rule.reckon({}) == 10_000

    def test_bears_interest_by_the_rate_that_held_on_the_due_day(self):
        rule = permit_type("izin-tanah-makam").fee
        assert rule is not None
        old, new = date(2023, 6, 10), date(2026, 6, 10)
        assert rule.interest_on(100_000, due=old, paid=old) == 0
        assert rule.interest_on(100_000, due=old, paid=date(2023, 6, 11)) == 2_000
        assert rule.interest_on(100_000, due=new, paid=date(2026, 7, 10)) == 1_000
        assert rule.interest_on(100_000, due=new, paid=date(2026, 7, 11)) == 2_000
        assert rule.interest_on(100_000, due=new, paid=date(2036, 1, 1)) == 24_000
        assert rule.interest_on(100_000, due=date(2011, 1, 1), paid=new) == 0


class TestPaying:
    @staticmethod
    def billed(*, at: str = "2026-11-04") -> tuple[Application, PermitType]:
        fee = {"kind": "fixed", "basis": "Perda", "base": 50_000, "working_days": 1, "due_days": 10}
        time = {"working_days": 6, "payment": {"times": 1, "days": 10}}
        type = permit_type(fee=fee, time=time, lapse={"deemed_approval": True, "legal_basis": "UU 30/2014"})
        one = complete(type)
        reviewed(one, "verifikasi", VERIFIER, at=moment("2026-11-03"), type=type)
        reviewed(one, "rekomendasi-dinkes", HEALTH, at=moment(at), type=type)
        refused("amount_set_by_rule", one.assess_fee, type, at=moment(at), actor=TREASURER, amount=1)
        one.assess_fee(type, at=moment(at), actor=TREASURER)
        one.request_payment(bill_id="bill-1", almanac=WEEK, at=moment(at), actor=TREASURER)
        return one, type

    def test_rests_the_clock_and_goes_on_to_the_approver(self):
        one, _ = self.billed()
        assert (one.state, one.fee) == ("awaiting_payment", 50_000)
        one.confirm_payment(almanac=WEEK, at=moment("2026-11-12"))
        assert (one.state, one.running.due) == ("approval", date(2026, 11, 18))
        refused("wrong_state", one.confirm_payment, almanac=WEEK, at=moment("2026-11-12"))

    def test_not_in_time_closes_the_case_and_never_grants_it(self):
        one, type = self.billed()
        much_later = moment("2027-01-11")  # after a standstill: by then the clock would have run out, too
        refused("wrong_state", one.lapse, type, permit_id="p", at=much_later)
        one.close_unpaid(at=much_later)
        assert (one.state, one.running.ending, one.basis) == ("withdrawn", Ending.WITHDRAWN, None)
        assert one.running.ended_at < one.running.lapses_at


class TestTheBanksAnswer:
    @staticmethod
    def bill() -> Bill:
        return Bill.issue(
            id="bill-1",
            tenant=TENANT,
            number="SKRD/00001/2026",
            application_id="case-1",
            party_id="party-siti",
            amount=50_000,
            due=date(2026, 11, 18),
            due_until=moment("2026-11-19 00:00"),
            at=AT,
            actor=TREASURER,
        )

    @staticmethod
    def payment(receipt: str = "r-1", amount: int = 50_000, at: str = "2026-11-10") -> Payment:
        return Payment(receipt=receipt, amount=amount, paid_at=moment(at))

    def test_settles_once_and_the_same_receipt_is_the_same_payment(self):
        bill = self.bill()
        assert bill.take(self.payment(), at=AT) is PaymentAnswer.SETTLED
        said = len(bill.recorded)
        assert bill.take(self.payment(), at=AT) is PaymentAnswer.SAME_PAYMENT
        assert (bill.state, len(bill.recorded)) == ("paid", said)

    def test_twice_by_the_banks_mistake_is_set_aside(self):
        bill = self.bill()
        bill.take(self.payment(), at=AT)
        assert bill.take(self.payment("r-2"), at=AT) is PaymentAnswer.PAID_AGAIN
        assert (bill.recorded[-1].event.answer, bill.state) == ("paid_again", "paid")

    @pytest.mark.parametrize(
        ("payment", "answer"),
        [
            ({"amount": 49_999}, "other_amount"),
            ({"amount": 50_001}, "other_amount"),
            ({"at": "2026-11-19 00:00"}, "late"),
            ({"at": "2026-11-18 23:59"}, "settled"),
        ],
    )
    def test_for_another_amount_or_late(self, payment: dict[str, Any], answer: str):
        bill = self.bill()
        assert bill.take(self.payment(**payment), at=moment("2026-11-30")) == answer
        assert (bill.state == "paid") == (answer == "settled")

    def test_for_a_cancelled_bill(self):
        bill = self.bill()
        refused("still_time", bill.cancel, "unpaid", at=moment("2026-11-18"))
        bill.cancel("unpaid", at=moment("2026-11-19 00:00"))
        assert bill.take(self.payment(), at=AT) is PaymentAnswer.CANCELLED_BILL
        refused("already_cancelled", bill.cancel, "withdrawn", at=AT)
        refused("already_cancelled", bill.remind, at=AT)


class TestNumbers:
    def test_have_no_gap_and_no_twin_and_restart_with_the_year(self):
        year = DOCTOR.number
        series = NumberSeries(id=series_id(TENANT, "sip-dokter", year, date(2026, 12, 31)), tenant=TENANT)
        numbers = [series.next_number(year, day=date(2026, 12, 31)).text for _ in range(3)]
        assert numbers == [f"500.16.7.2/0000{n}/SIPD/XII/DPMPTSP/2026" for n in (1, 2, 3)]
        assert series_id(TENANT, "sip-dokter", year, date(2027, 1, 1)) != series.id

    def test_that_never_restart_stay_in_one_series(self):
        form = NumberFormat(form="445/{counter:4}", restart="never")
        assert series_id(TENANT, "x", form, date(2026, 1, 1)) == series_id(
            TENANT, "x", form, date(2031, 1, 1)
        )
        assert (
            NumberFormat(form="{counter:03}-{day}{month}{year}").number(7, date(2026, 2, 5)) == "007-05022026"
        )


class TestAPermit:
    @staticmethod
    def permit(type: PermitType = DOCTOR) -> Permit:
        one = at_approval()
        one.approve(permit_id="permit-1", at=AT, actor=APPROVER)
        series = NumberSeries(id="s", tenant=TENANT)
        permit = Permit.grant(one, number=series.next_number(type.number, day=date(2026, 11, 4)), at=AT)
        permit.issue(type.validity, {}, today=date(2026, 11, 4), at=AT)
        return permit

    def test_is_frozen_unfrozen_and_revoked_by_its_issuer(self):
        permit = self.permit()
        refused("wrong_role", permit.freeze, PermitReason.BREACH, at=AT, actor=FRONT)
        other = APPROVER.model_copy(update={"institution_id": "dinas-kesehatan"})
        refused("wrong_role", permit.freeze, PermitReason.BREACH, at=AT, actor=other)
        permit.freeze(PermitReason.BREACH, at=AT, actor=APPROVER)
        refused("wrong_state", permit.freeze, PermitReason.BREACH, at=AT, actor=APPROVER)
        permit.unfreeze(PermitReason.CAUSE_REMOVED, at=AT, actor=APPROVER)
        permit.revoke(PermitReason.FALSE_DATA, at=AT, actor=APPROVER)
        for step in (permit.freeze, permit.unfreeze, permit.revoke):
            refused("wrong_state", step, PermitReason.BREACH, at=AT, actor=APPROVER)
        refused("wrong_state", permit.expire, today=date(2040, 1, 1), at=AT)

    def test_expires_after_its_last_day(self):
        permit = self.permit()
        refused("still_valid", permit.expire, today=date(2031, 11, 3), at=AT)
        permit.expire(today=date(2031, 11, 4), at=AT)
        assert permit.state == "expired"

    def test_is_renewed_from_some_months_before_its_end(self):
        permit, more = self.permit(), {"party_id": "party-siti", "permit_type": "sip-dokter"}
        check = permit.require_followable
        refused("too_early", check, FollowKind.RENEWAL, DOCTOR.validity, today=date(2031, 8, 2), **more)
        check(FollowKind.RENEWAL, DOCTOR.validity, today=date(2031, 8, 3), **more)
        check(FollowKind.CHANGE, DOCTOR.validity, today=date(2027, 1, 1), **more)
        foreign = {**more, "party_id": "party-other"}
        refused("not_yours", check, FollowKind.CHANGE, DOCTOR.validity, today=date(2027, 1, 1), **foreign)
        permit.replace(self.permit(), FollowKind.RENEWAL, at=AT)
        refused("wrong_state", check, FollowKind.CHANGE, DOCTOR.validity, today=date(2027, 1, 1), **more)

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (date(2026, 11, 4), date(2031, 11, 3)),
            (date(2028, 2, 29), date(2033, 2, 28)),
            (date(2026, 1, 1), date(2030, 12, 31)),
        ],
    )
    def test_ends_the_day_before_its_anniversary(self, first: date, last: date):
        assert last_day(Validity(years=5), {}, first) == last
        earlier = {"sampai": "2027-01-31"}
        assert last_day(Validity(years=5, until_answer="sampai"), earlier, first) == min(
            last, date(2027, 1, 31)
        )
        assert last_day(Validity(), {}, first) is None


class TestADelegation:
    @staticmethod
    def lend(**more: Any) -> Delegation:
        facts = {"starts": AT, "ends": moment("2026-11-14"), "to": "deputy", "actor": APPROVER}
        return Delegation.lend(id="d", tenant=TENANT, at=AT, **{**facts, **more})

    def test_holds_within_its_time_and_its_limits(self):
        one = self.lend(permit_types=("sip-dokter",), most_fee=1_000_000)
        use = {"permit_type": "sip-dokter", "fee": None, "at": AT}
        assert one.actor("deputy", **use).delegated_by == "head"
        refused("not_yours", one.actor, "somebody", **use)
        refused("not_now", one.actor, "deputy", **{**use, "at": moment("2026-11-14")})
        refused("not_now", one.actor, "deputy", **{**use, "at": moment("2026-11-03")})
        refused("other_type", one.actor, "deputy", **{**use, "permit_type": "pbg"})
        refused("fee_too_high", one.actor, "deputy", **{**use, "fee": 1_000_001})
        one.revoke(at=moment("2026-11-06"), actor=APPROVER)
        refused("not_now", one.actor, "deputy", **{**use, "at": moment("2026-11-06")})

    def test_is_not_lent_on_nor_to_oneself_nor_for_ever(self):
        lent = APPROVER.model_copy(update={"delegated_by": "regent"})
        refused("lent_power", self.lend, actor=lent)
        refused("to_oneself", self.lend, to="head")
        refused("too_long", self.lend, ends=moment("2027-11-04"))
        refused("ends_before_it_begins", self.lend, ends=AT)
        refused("wrong_role", self.lend, actor=VERIFIER)


class TestAnOutage:
    def test_is_declared_by_the_superior_for_all_clocks_and_once(self):
        one = Outages(id=TENANT, tenant=TENANT)
        days = {"first": date(2026, 11, 24), "last": date(2026, 11, 25), "at": AT}
        refused("wrong_role", one.declare, "188", **days, actor=APPROVER)
        one.declare(" 188 ", **days, actor=SUPERIOR)
        refused("declared_already", one.declare, "188", **days, actor=SUPERIOR)
        refused("decree_missing", one.declare, " ", **days, actor=SUPERIOR)
        refused("too_long", one.declare, "2", **{**days, "last": date(2027, 1, 1)}, actor=SUPERIOR)
        refused(
            "ends_before_it_begins", one.declare, "3", **{**days, "last": date(2026, 11, 1)}, actor=SUPERIOR
        )
        assert [outage.decree for outage in one.declared] == ["188"]


class TestVersionsOfAType:
    def test_change_until_the_first_case_begins_and_then_never(self):
        definition = definitions_in_repository()
        version = TypeVersion(id="v", tenant=TENANT, definition=JsonText.of(definition))
        assert not version.redefine(definition)
        assert version.redefine({**definition, "basis": ["UU 17/2023"]})
        version.begin_use(at=AT)
        refused("version_in_use", version.redefine, definition)
        assert version.type.basis == ("UU 17/2023",)

    def test_follow_one_another_and_can_be_withdrawn(self):
        offered = OfferedType(id="t:sip-dokter", tenant=TENANT, code="sip-dokter")
        refused("version_not_next", offered.offer, DOCTOR.model_copy(update={"version": 2}), at=AT)
        offered.offer(DOCTOR, at=AT)
        offered.offer(DOCTOR.model_copy(update={"version": 2}), at=AT)
        offered.withdraw(DOCTOR, at=AT)
        refused("type_withdrawn", offered.require_offered)
        assert [one.event.version for one in offered.recorded] == [1, 2, 1]


def definitions_in_repository() -> dict[str, Any]:
    return definitions_in(TYPES)["sip-dokter.yaml"]


def test_the_applicant_does_not_pay_for_another():
    one, _ = TestPaying.billed()
    refused("wrong_role", one.confirm_payment, almanac=WEEK, at=moment("2026-11-05"), actor=APPLICANT)
