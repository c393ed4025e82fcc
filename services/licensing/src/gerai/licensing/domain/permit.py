"""A permit: granted with its number, in force when it is signed and issued; frozen, revoked, renewed, expired."""

from calendar import monthrange
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from gerai.contracts import licensing as said
from gerai.contracts.licensing import PermitState
from gerai.licensing.domain.actor import SYSTEM, Actor, Role
from gerai.licensing.domain.case import Basis, Case, FollowKind
from gerai.licensing.domain.number_series import GivenNumber
from gerai.licensing.domain.permit_type import Validity
from gerai.licensing.domain.reasons import PermitReason
from gerai.licensing.domain.steps import UnableToActHere
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind, Term

STATE_WORDS = {
    state: Term(state.value, localized)
    for state, localized in {
        PermitState.GRANTED: LocalizedText("belum terbit", "not issued yet"),
        PermitState.VALID: LocalizedText("berlaku", "valid"),
        PermitState.FROZEN: LocalizedText("dibekukan", "frozen"),
        PermitState.REVOKED: LocalizedText("dicabut", "revoked"),
        PermitState.REPLACED: LocalizedText("sudah diganti", "replaced"),
        PermitState.EXPIRED: LocalizedText("sudah berakhir", "expired"),
    }.items()
}
CHANGERS = frozenset({Role.APPROVER, Role.SUPERIOR})


class UnableToGrantPermit(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_granted": LocalizedText(
            "Permohonan ini belum disetujui.", "Nothing has granted this application."
        ),
        "granted_to_another": LocalizedText(
            "Permohonan ini sudah memiliki izin.", "The application has another permit already."
        ),
    }


class UnableToChangePermit(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "wrong_state": LocalizedText(
            "Izin {number} tidak dapat {step}: statusnya {state}.",
            "Permit {number} can't be {step}: it is {state}.",
        ),
        "still_valid": LocalizedText(
            "Izin {number} masih berlaku sampai {until}.", "Permit {number} is valid until {until}."
        ),
    }


class UnableToFollowPermit(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_yours": LocalizedText("Izin itu milik pemohon lain.", "The permit is another applicant's."),
        "other_type": LocalizedText("Izin itu berjenis lain.", "The permit is of another type."),
        "too_early": LocalizedText(
            "Perpanjangan dapat diajukan mulai {since}.", "A renewal may be filed from {since} on."
        ),
        "wrong_state": LocalizedText("Izin itu {state}.", "The permit is {state}."),
    }


class Permit(Aggregate):
    collection: ClassVar[str] = "permits"
    word: ClassVar[Term] = Term("permit", LocalizedText("izin", "permit"))

    number: str
    series: str
    counter: int
    """With `series` unique: no number is given twice."""
    application_id: str
    permit_type: str
    type_version: int
    institution_id: str
    party_id: str
    basis: Basis
    state: PermitState = PermitState.GRANTED
    since: datetime
    valid_from: date | None = None
    valid_until: date | None = None
    replaced_by: str | None = None

    @classmethod
    def grant(
        cls, application: Case, *, number: GivenNumber, at: datetime, actor: Actor = SYSTEM
    ) -> "Permit":
        """Of an application that a decision or a lapse has granted; of no other."""
        if application.basis is None or application.permit_id is None:
            raise UnableToGrantPermit("not_granted")
        permit = cls(
            id=application.permit_id,
            tenant=application.tenant,
            number=number.text,
            series=number.series,
            counter=number.counter,
            application_id=application.id,
            permit_type=application.permit_type,
            type_version=application.type_version,
            institution_id=application.institution_id,
            party_id=application.party_id,
            basis=application.basis,
            since=at,
        )
        permit._say(said.PermitGranted, before=None, at=at, actor=actor, basis=permit.basis.value)
        return permit

    def issue(self, validity: Validity, answers: dict[str, Any], *, today: date, at: datetime) -> None:
        """It is signed, and in force from today (local) on."""
        before = self._require({PermitState.GRANTED}, LocalizedText("diterbitkan", "issued"))
        self.valid_from, self.valid_until = today, last_day(validity, answers, today)
        self._move(PermitState.VALID, at)
        self._say(
            said.PermitIssued,
            before=before,
            at=at,
            actor=SYSTEM,
            valid_from=today,
            valid_until=self.valid_until,
        )

    def freeze(self, reason: PermitReason, *, at: datetime, actor: Actor) -> None:
        before = self._require({PermitState.VALID}, LocalizedText("dibekukan", "frozen"), actor)
        self._move(PermitState.FROZEN, at)
        self._say(said.PermitFrozen, before=before, at=at, actor=actor, reason=reason)

    def unfreeze(self, reason: PermitReason, *, at: datetime, actor: Actor) -> None:
        before = self._require({PermitState.FROZEN}, LocalizedText("dicairkan", "unfrozen"), actor)
        self._move(PermitState.VALID, at)
        self._say(said.PermitUnfrozen, before=before, at=at, actor=actor, reason=reason)

    def revoke(self, reason: PermitReason, *, at: datetime, actor: Actor) -> None:
        """For good. One that was granted and is not issued yet can be revoked, too."""
        states = {PermitState.GRANTED, PermitState.VALID, PermitState.FROZEN}
        before = self._require(states, LocalizedText("dicabut", "revoked"), actor)
        self._move(PermitState.REVOKED, at)
        self._say(said.PermitRevoked, before=before, at=at, actor=actor, reason=reason)

    def expire(self, *, today: date, at: datetime) -> None:
        """Its last day is over. A frozen one expires, too."""
        before = self._require({PermitState.VALID, PermitState.FROZEN}, LocalizedText("berakhir", "ended"))
        if self.valid_until is None or today <= self.valid_until:
            until = self.valid_until.isoformat() if self.valid_until else "∞"
            raise UnableToChangePermit("still_valid", number=self.number, until=until)
        self._move(PermitState.EXPIRED, at)
        self._say(said.PermitExpired, before=before, at=at, actor=SYSTEM)

    def replace(self, other: "Permit", kind: FollowKind, *, at: datetime) -> None:
        """Its renewal, or its change, is in force."""
        states = {PermitState.VALID, PermitState.EXPIRED}
        before = self._require(states, LocalizedText("diganti", "replaced"))
        self.replaced_by = other.id
        self._move(PermitState.REPLACED, at)
        self._say(
            said.PermitReplaced, before=before, at=at, actor=SYSTEM, replaced_by=other.id, kind=kind.value
        )

    def require_followable(
        self, kind: FollowKind, validity: Validity, *, party_id: str, permit_type: str, today: date
    ) -> None:
        """Whether its holder may file for its renewal or change now. Raises UnableToFollowPermit."""
        if party_id != self.party_id:
            raise UnableToFollowPermit("not_yours")
        if permit_type != self.permit_type:
            raise UnableToFollowPermit("other_type")
        states = (
            {PermitState.VALID, PermitState.EXPIRED} if kind is FollowKind.RENEWAL else {PermitState.VALID}
        )
        if self.state not in states:
            raise UnableToFollowPermit("wrong_state", state=STATE_WORDS[self.state])
        if kind is FollowKind.RENEWAL and self.valid_until is not None:
            since = months_before(self.valid_until, validity.renew_from_months)
            if today < since:
                raise UnableToFollowPermit("too_early", since=since.isoformat())

    def _require(
        self, states: Collection[PermitState], words: LocalizedText, actor: Actor | None = None
    ) -> PermitState:
        if actor is not None and (
            actor.role not in CHANGERS
            or (actor.role is Role.APPROVER and actor.institution_id != self.institution_id)
        ):
            raise UnableToActHere("wrong_role", step=Term("change", words))
        if self.state not in states:
            raise UnableToChangePermit(
                "wrong_state", number=self.number, step=Term("change", words), state=STATE_WORDS[self.state]
            )
        return self.state

    def _move(self, state: PermitState, at: datetime) -> None:
        self.state, self.since = state, at

    def _say(
        self,
        event_type: type[said.PermitEvent],
        /,
        *,
        before: PermitState | None,
        at: datetime,
        actor: Actor,
        reason: PermitReason | None = None,
        **more: Any,
    ) -> None:
        event = event_type(
            tenant=self.tenant,
            permit_id=self.id,
            number=self.number,
            application_id=self.application_id,
            permit_type=self.permit_type,
            permit_type_version=self.type_version,
            institution_id=self.institution_id,
            party_id=self.party_id,
            from_state=before,
            to_state=self.state,
            actor=actor.id,
            role=actor.role.value,
            actor_institution_id=actor.institution_id,
            reason=None if reason is None else reason.value,
            **more,
        )
        self._record(event, at=at)


def last_day(validity: Validity, answers: dict[str, Any], first: date) -> date | None:
    """The day before its anniversary, or the day that the form names where that is earlier; None: for good."""
    days = []
    if validity.years:
        anniversary = months_before(first, -12 * validity.years)
        leap = anniversary.day != first.day  # 29 February, in a year that has none
        days.append(anniversary if leap else anniversary - timedelta(days=1))
    if validity.until_answer and isinstance(answer := answers.get(validity.until_answer), str):
        days.append(date.fromisoformat(answer))
    return min(days, default=None)


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month (a later one for a negative number); its last day where that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
