"""Bills for retributions (SKRD), and what the bank said of them."""

from datetime import date

from gerai.contracts.event import Event
from gerai.contracts.licensing.states import BillState
from gerai.contracts.licensing.topics import BILLS


class BillEvent(Event, subject="{bill_id}"):
    """What every event of a bill says."""

    tenant: str
    """The regency."""
    bill_id: str
    """The bill; the bank knows it by this, too."""
    number: str
    """As printed."""
    application_id: str
    """The application that it is for."""
    party_id: str
    """Who is to pay, as the notification service knows them; opaque."""
    amount: int
    """Whole rupiah."""
    due: date
    """The last day to pay."""
    to_state: BillState
    """What is so from now on."""
    actor: str
    """Who acted, as an opaque id; "system" where a rule did."""


class BillIssued(BillEvent, type="licensing.bill-issued.v1", topic=BILLS):
    """It can be paid."""


class BillPaid(BillEvent, type="licensing.bill-paid.v1", topic=BILLS):
    """It is paid in full, in time."""


class BillCancelled(BillEvent, type="licensing.bill-cancelled.v1", topic=BILLS):
    """It need not and cannot be paid any more."""

    reason: str
    """unpaid, withdrawn, replaced."""


class PaymentSetAside(BillEvent, type="licensing.payment-set-aside.v1", topic=BILLS):
    """Money came that does not settle the bill: a person decides what becomes of it."""

    answer: str
    """late, other_amount, cancelled_bill, paid_again."""
    paid: int
    """Whole rupiah that came."""


class BillReminded(BillEvent, type="licensing.bill-reminded.v1", topic=BILLS):
    """The due day is near, or over."""
