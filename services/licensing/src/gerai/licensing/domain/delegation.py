"""Somebody's power to decide, lent to another: for a time, and within limits of its own."""

from datetime import datetime, timedelta
from typing import ClassVar

from gerai.licensing.domain.actor import Actor, Role
from gerai.licensing.domain.steps import UnableToActHere
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind

LONGEST = timedelta(days=183)


class UnableToDelegate(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "to_oneself": LocalizedText("Tidak dapat kepada diri sendiri.", "Not to oneself."),
        "ends_before_it_begins": LocalizedText("Akhir mendahului awal.", "It ends before it begins."),
        "too_long": LocalizedText("Paling lama enam bulan.", "At most six months."),
        "already_over": LocalizedText("Sudah berakhir.", "It is over already."),
        "lent_power": LocalizedText(
            "Wewenang pinjaman tidak dapat dilimpahkan lagi.", "Lent power can't be lent on."
        ),
    }


class UnableToUseDelegation(Refusal):
    kind = RefusalKind.FORBIDDEN
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_yours": LocalizedText("Pelimpahan ini bukan untuk Anda.", "This delegation is not to you."),
        "not_now": LocalizedText(
            "Pelimpahan ini tidak berlaku saat ini.", "This delegation does not hold now."
        ),
        "other_type": LocalizedText(
            "Pelimpahan ini tidak mencakup jenis izin ini.",
            "This delegation does not cover this permit type.",
        ),
        "fee_too_high": LocalizedText(
            "Retribusi melebihi batas pelimpahan.", "The fee is above the limit of this delegation."
        ),
    }


class Delegation(Aggregate):
    """From an approver to another officer of the same institution."""

    collection: ClassVar[str] = "delegations"

    giver: str
    receiver: str
    institution_id: str
    starts: datetime
    ends: datetime
    """It holds from `starts` until just before `ends`."""
    permit_types: tuple[str, ...] = ()
    """Codes; none: all types of the institution."""
    most_fee: int | None = None
    """Whole rupiah; None: no limit."""
    revoked_at: datetime | None = None

    @classmethod
    def lend(
        cls,
        *,
        id: str,
        tenant: str,
        to: str,
        starts: datetime,
        ends: datetime,
        at: datetime,
        actor: Actor,
        permit_types: tuple[str, ...] = (),
        most_fee: int | None = None,
    ) -> "Delegation":
        if actor.role is not Role.APPROVER or actor.institution_id is None:
            raise UnableToActHere("wrong_role", step="delegate")
        if actor.delegated_by is not None:
            raise UnableToDelegate("lent_power")
        if to == actor.id:
            raise UnableToDelegate("to_oneself", field="to")
        if ends <= starts or ends <= at:
            raise UnableToDelegate("ends_before_it_begins", field="ends")
        if ends - starts > LONGEST:
            raise UnableToDelegate("too_long", field="ends")
        return cls(
            id=id,
            tenant=tenant,
            giver=actor.id,
            receiver=to,
            institution_id=actor.institution_id,
            starts=starts,
            ends=ends,
            permit_types=permit_types,
            most_fee=most_fee,
        )

    def revoke(self, *, at: datetime, actor: Actor) -> None:
        if actor.id != self.giver:
            raise UnableToActHere("not_yours")
        if self.revoked_at is not None or at >= self.ends:
            raise UnableToDelegate("already_over")
        self.revoked_at = at

    def holds(self, at: datetime) -> bool:
        return self.starts <= at < (min(self.ends, self.revoked_at) if self.revoked_at else self.ends)

    def actor(self, receiver: str, *, permit_type: str, fee: int | None, at: datetime) -> Actor:
        """Who decides on an application in the giver's stead. The application still asks whether either had a hand in it."""
        if receiver != self.receiver:
            raise UnableToUseDelegation("not_yours")
        if not self.holds(at):
            raise UnableToUseDelegation("not_now")
        if self.permit_types and permit_type not in self.permit_types:
            raise UnableToUseDelegation("other_type")
        if self.most_fee is not None and (fee or 0) > self.most_fee:
            raise UnableToUseDelegation("fee_too_high")
        return Actor(
            id=receiver, role=Role.APPROVER, institution_id=self.institution_id, delegated_by=self.giver
        )
