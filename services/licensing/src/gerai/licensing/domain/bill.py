"""A bill for a retribution (SKRD), and what to answer when the bank says that somebody paid."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.contracts import licensing as said
from gerai.contracts.licensing import BillState
from gerai.licensing.domain.actor import SYSTEM, Actor
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, Term


class PaymentAnswer(StrEnum):
    """What a payment is to a bill. The bank is told; money that settles nothing is set aside for a person."""

    SETTLED = "settled"
    SAME_PAYMENT = "same_payment"
    """The same receipt came before: said again, and nothing more."""
    PAID_AGAIN = "paid_again"
    LATE = "late"
    OTHER_AMOUNT = "other_amount"
    CANCELLED_BILL = "cancelled_bill"
    UNKNOWN_BILL = "unknown_bill"
    """There is no such bill; nothing keeps it but the bank's own statement."""


class Payment(BaseModel):
    """As the bank tells it."""

    model_config = ConfigDict(frozen=True)

    receipt: str
    """The bank's number; the same number is the same payment."""
    amount: int
    paid_at: datetime
    """By the bank's clock: what counts for "in time" is when it was paid, not when we heard."""
    answer: PaymentAnswer | None = None


class UnableToBill(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "amount_not_positive": LocalizedText(
            "Jumlah harus lebih dari nol.", "The amount must be above zero."
        ),
        "already_settled": LocalizedText("Tagihan ini sudah dibayar.", "This bill is paid."),
        "already_cancelled": LocalizedText("Tagihan ini sudah dibatalkan.", "This bill is cancelled."),
        "reminded_already": LocalizedText("Sudah diingatkan.", "The reminder was sent already."),
        "still_time": LocalizedText("Jatuh tempo belum lewat.", "The due day is not over."),
    }


class Bill(Aggregate):
    collection: ClassVar[str] = "bills"
    word: ClassVar[Term] = Term("bill", LocalizedText("tagihan", "bill"))

    number: str
    application_id: str
    party_id: str
    amount: int
    due: date
    """The last day, local."""
    due_until: datetime
    """The instant, UTC, at which it is over."""
    state: BillState = BillState.OPEN
    payments: tuple[Payment, ...] = ()
    """All that came, with the answer given."""
    reminded_at: datetime | None = None

    @classmethod
    def issue(
        cls,
        *,
        id: str,
        tenant: str,
        number: str,
        application_id: str,
        party_id: str,
        amount: int,
        due: date,
        due_until: datetime,
        at: datetime,
        actor: Actor,
    ) -> "Bill":
        if amount <= 0:
            raise UnableToBill("amount_not_positive", field="amount")
        bill = cls(
            id=id,
            tenant=tenant,
            number=number,
            application_id=application_id,
            party_id=party_id,
            amount=amount,
            due=due,
            due_until=due_until,
        )
        bill._say(said.BillIssued, at=at, actor=actor)
        return bill

    def take(self, payment: Payment, *, at: datetime) -> PaymentAnswer:
        """Decides what a payment is. Only `settled` changes the bill; the first of two payments settles it."""
        earlier = next((one for one in self.payments if one.receipt == payment.receipt), None)
        if earlier is not None:
            return PaymentAnswer.SAME_PAYMENT
        answer = self._answer(payment)
        self.payments = (*self.payments, payment.model_copy(update={"answer": answer}))
        if answer is PaymentAnswer.SETTLED:
            self.state = BillState.PAID
            self._say(said.BillPaid, at=at, actor=SYSTEM)
        else:
            self._say(said.PaymentSetAside, at=at, actor=SYSTEM, answer=answer.value, paid=payment.amount)
        return answer

    def cancel(self, reason: str, *, at: datetime, actor: Actor = SYSTEM) -> None:
        """`reason`: unpaid, withdrawn, replaced."""
        if self.state is BillState.PAID:
            raise UnableToBill("already_settled")
        if self.state is BillState.CANCELLED:
            raise UnableToBill("already_cancelled")
        if reason == "unpaid" and at < self.due_until:
            raise UnableToBill("still_time")
        self.state = BillState.CANCELLED
        self._say(said.BillCancelled, at=at, actor=actor, reason=reason)

    def remind(self, *, at: datetime) -> None:
        """Once, before the due day is over."""
        if self.state is not BillState.OPEN:
            raise UnableToBill("already_settled" if self.state is BillState.PAID else "already_cancelled")
        if self.reminded_at is not None:
            raise UnableToBill("reminded_already")
        self.reminded_at = at
        self._say(said.BillReminded, at=at, actor=SYSTEM)

    def _answer(self, payment: Payment) -> PaymentAnswer:
        if self.state is BillState.PAID:
            return PaymentAnswer.PAID_AGAIN
        if self.state is BillState.CANCELLED:
            return PaymentAnswer.CANCELLED_BILL
        if payment.amount != self.amount:
            return PaymentAnswer.OTHER_AMOUNT
        return PaymentAnswer.LATE if payment.paid_at >= self.due_until else PaymentAnswer.SETTLED

    def _say(
        self, event_type: type[said.BillEvent], /, *, at: datetime, actor: Actor, **more: object
    ) -> None:
        event = event_type(
            tenant=self.tenant,
            bill_id=self.id,
            number=self.number,
            application_id=self.application_id,
            party_id=self.party_id,
            amount=self.amount,
            due=self.due,
            to_state=self.state,
            actor=actor.id,
            **more,
        )
        self._record(event, at=at)
