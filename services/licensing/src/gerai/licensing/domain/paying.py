"""The retribution of an application: assessed, billed, paid; the clock rests while the applicant pays."""

from datetime import datetime
from typing import ClassVar

from gerai.contracts import licensing as said
from gerai.contracts.licensing import ApplicationState
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.licensing.domain.clock_records import Ending
from gerai.licensing.domain.clock_terms import PauseKind, PauseReason
from gerai.licensing.domain.deciding import Deciding
from gerai.licensing.domain.fee import MOST_RUPIAH
from gerai.licensing.domain.permit_type import FEE_STAGE, PermitType
from gerai.licensing.domain.reasons import WithdrawalReason
from gerai.licensing.domain.steps import StepName
from gerai.licensing.domain.working_days import Almanac
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind


class UnableToAssessFee(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "amount_missing": LocalizedText("Isi jumlah retribusi.", "Say the amount."),
        "amount_set_by_rule": LocalizedText(
            "Retribusi dihitung dari tarif: Rp {amount}.", "The rule says the amount: {amount} rupiah."
        ),
        "amount_out_of_bounds": LocalizedText("Jumlah tidak wajar.", "The amount is out of bounds."),
    }


class Paying(Deciding):
    def assess_fee(self, type: PermitType, *, at: datetime, actor: Actor, amount: int | None = None) -> None:
        """By the type's rule; where an officer must reckon it, `amount` says what came out, in rupiah."""
        self._require_type(type)
        self._catch_up(at)
        self._require(StepName.ASSESS_FEE, actor, at)
        assert type.fee is not None
        by_rule = type.fee.reckon(self.answers.read())
        if by_rule is None and amount is None:
            raise UnableToAssessFee("amount_missing", field="amount")
        if by_rule is not None and amount not in (None, by_rule):
            raise UnableToAssessFee("amount_set_by_rule", field="amount", amount=by_rule)
        fee = by_rule if by_rule is not None else amount
        assert fee is not None
        if not 0 < fee <= MOST_RUPIAH:
            raise UnableToAssessFee("amount_out_of_bounds", field="amount")
        self.fee = fee
        self._say(said.FeeAssessed, at=at, actor=actor, to=ApplicationState.FEE_ASSESSED, amount=fee)

    def request_payment(self, *, bill_id: str, almanac: Almanac, at: datetime, actor: Actor) -> None:
        """The bill goes out. The clock rests, out of the budget for payments; one that has lapsed rests no more."""
        self._catch_up(at)
        self._require(StepName.REQUEST_PAYMENT, actor, at)
        self.bill_id = bill_id
        self._say(
            said.PaymentRequested,
            at=at,
            actor=actor,
            to=ApplicationState.AWAITING_PAYMENT,
            bill_id=bill_id,
            amount=self.fee,
        )
        if self.escalated_at is None:
            self._pause_clock(
                PauseKind.PAYMENT, PauseReason.PAYMENT_PENDING, almanac=almanac, at=at, actor=actor
            )

    def confirm_payment(self, *, almanac: Almanac, at: datetime, actor: Actor = SYSTEM) -> None:
        """The bill is paid; the file goes to the approver."""
        self._catch_up(at)
        self._require(StepName.CONFIRM_PAYMENT, actor, at)
        if self.running.is_paused(at):
            self._resume_clock(almanac=almanac, at=at, actor=actor)
        self.clock = self.running.close_stage(FEE_STAGE, at=at)
        self._say(said.PaymentConfirmed, at=at, actor=actor, to=ApplicationState.PAID, bill_id=self.bill_id)
        self._request_approval(at=at, actor=actor)

    def close_unpaid(self, *, at: datetime, actor: Actor = SYSTEM) -> None:
        """The due day is over and nobody paid: the applicant has given it up, before the legal time was over, however late
        it is noted."""
        self._require(StepName.CLOSE_UNPAID, actor, at)
        self._stop_clock(Ending.WITHDRAWN, at=min(at, self.running.last_instant))
        self._say(
            said.ApplicationWithdrawn,
            at=at,
            actor=actor,
            to=ApplicationState.WITHDRAWN,
            reason=WithdrawalReason.BILL_UNPAID,
        )

    def _request_fee_or_approval(self, type: PermitType, *, at: datetime, actor: Actor) -> None:
        self._say(said.ApplicationRecommended, at=at, actor=actor, to=ApplicationState.RECOMMENDED)
        if type.has_fee:
            self.clock = self.running.open_stage(FEE_STAGE, at=at)
        else:
            self._request_approval(at=at, actor=actor)
