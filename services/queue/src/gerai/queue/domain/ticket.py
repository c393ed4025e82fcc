"""A visitor's place in the queue, from the kiosk to the last desk. Each step says its own event."""

import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from gerai.contracts import queue as said
from gerai.contracts.queue import PriorityClass, TicketEvent, TicketState
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.cipher import NO_KEYS, Cipher
from gerai.messaging.refusal import LocalizedText, Refusal, Term
from gerai.queue.domain import ticket_refusals as refuse
from gerai.queue.domain.call_round import CallRound
from gerai.queue.domain.leg import Leg, LegOutcome
from gerai.queue.domain.link import hash_of, link_of
from gerai.queue.domain.rules import Rules

MOST_LEGS = 20
AT_A_DESK = frozenset({TicketState.CALLED, TicketState.SERVING})
ENDED = frozenset({TicketState.SERVED, TicketState.NO_SHOW, TicketState.CANCELLED, TicketState.EXPIRED})
PUT_ASIDE = frozenset({TicketState.HELD, TicketState.AWAITING_PICKUP})
RESTS = ENDED | PUT_ASIDE
ENDS_WITH_THE_DAY = frozenset({TicketState.WAITING, TicketState.CALLED, TicketState.HELD})


class Ticket(Aggregate):
    """Waits, is called, served, held or sent on. `legs[-1]` is the present leg; `service_id` and `counter_id`
    are its place."""

    collection: ClassVar[str] = "tickets"
    word: ClassVar[Term] = Term("ticket", LocalizedText("nomor antrean", "ticket"))
    followed: ClassVar[bool] = True

    site_id: str
    counter_id: str
    service_id: str
    origin_service_id: str
    """Whose number range it came from; with `local_day` and `n` it is unique."""
    number: str
    n: int
    local_day: str
    link_hash: str
    """Of the visitor's secret address."""
    party_id: str | None = None
    state: TicketState = TicketState.WAITING
    priority_class: PriorityClass = PriorityClass.REGULAR
    order_at: datetime
    """The place in the line: arrival of the leg."""
    callable_from: datetime
    desk_id: str | None = None
    """Where it is called or served now."""
    round: CallRound | None = None
    reinstated: bool = False
    near_front_at: datetime | None = None
    for_pickup: bool = False
    """Called for its pickup, or at a desk for it: it was served before, so wherever it is put aside or nobody comes it
    waits for its pickup again."""
    since: datetime
    """When it came into its present state."""
    rests_since: datetime | None = None
    """The same, where it has ended or was put aside: from then on it is kept for so many days. Only such tickets stand in
    the index behind that, so the steps of a visit pay nothing for it."""
    legs: tuple[Leg, ...]

    @classmethod
    def issue(
        cls,
        *,
        id: str,
        tenant: str,
        site_id: str,
        counter_id: str,
        service_id: str,
        number: str,
        n: int,
        local_day: str,
        secret: str,
        at: datetime,
        actor: str,
        priority_class: PriorityClass = PriorityClass.REGULAR,
        party_id: str | None = None,
    ) -> "Ticket":
        ticket = cls(
            id=id,
            tenant=tenant,
            site_id=site_id,
            counter_id=counter_id,
            service_id=service_id,
            origin_service_id=service_id,
            number=number,
            n=n,
            local_day=local_day,
            link_hash=hash_of(link_of(id, secret)),
            party_id=party_id,
            priority_class=priority_class,
            order_at=at,
            callable_from=at,
            since=at,
            legs=(Leg(service_id=service_id, counter_id=counter_id, opened_at=at),),
        )
        ticket._say(said.TicketIssued, before=None, at=at, actor=actor, party_id=party_id)
        return ticket

    def opens_with(self, link: str) -> bool:
        """Takes the same time for every wrong link."""
        return hmac.compare_digest(self.link_hash, hash_of(link))

    @classmethod
    def from_document(cls, document: dict[str, Any], cipher: Cipher = NO_KEYS) -> "Ticket":
        """Earlier versions kept the link itself; `adapters.links` replaces it."""
        if (link := document.pop("link", None)) is not None:
            document["link_hash"] = hash_of(link)
        return super().from_document(document, cipher)

    @property
    def leg(self) -> Leg:
        return self.legs[-1]

    def call(self, *, desk: str, line_sequence: int, at: datetime, actor: str) -> None:
        """The desk calls whoever holds this ticket."""
        before = self._require(refuse.UnableToCallTicket, {TicketState.WAITING})
        if at < self.callable_from:
            raise refuse.UnableToCallTicket("called_just_now", **self._identity())
        self.round = CallRound.begun(at)
        self._call_leg(desk, at)
        self._move(TicketState.CALLED, at, desk=desk)
        self._say(
            said.TicketCalled,
            before=before,
            at=at,
            actor=actor,
            call=self.leg.calls,
            wait_seconds=self.leg.wait_seconds,
            line_sequence=line_sequence,
        )

    def recall(self, *, rules: Rules, at: datetime, actor: str) -> None:
        """The same desk calls again."""
        before = self._require(refuse.UnableToRecallTicket, {TicketState.CALLED})
        self.round = self._rounds().again(at, rules)
        self._call_leg(self.desk_id, at)
        self.since = at
        self._say(said.TicketRecalled, before=before, at=at, actor=actor, call=self.leg.calls)

    def start(self, *, at: datetime, actor: str) -> None:
        """The visitor stands at the desk."""
        before = self._require(refuse.UnableToStartTicket, {TicketState.CALLED})
        walked = _seconds(self._rounds().last_at, at)
        self._change_leg(walk_seconds=self.leg.walk_seconds + walked)
        self._move(TicketState.SERVING, at, desk=self.desk_id)
        self._say(said.TicketServingStarted, before=before, at=at, actor=actor, walk_seconds=walked)

    def finish(self, *, at: datetime, actor: str) -> None:
        """The visitor is served and leaves."""
        before = self._require(refuse.UnableToFinishTicket, {TicketState.SERVING})
        desk = self.desk_id
        self._add_service_time(at)
        self._close_leg(LegOutcome.SERVED, at)
        self._move(TicketState.SERVED, at)
        leg = self.leg
        self._say(
            said.TicketServed,
            before=before,
            at=at,
            actor=actor,
            desk_id=desk,
            wait_seconds=leg.wait_seconds,
            walk_seconds=leg.walk_seconds,
            service_seconds=leg.service_seconds,
            hold_seconds=leg.hold_seconds,
        )

    def hold(self, *, at: datetime, actor: str, reason: str | None = None) -> None:
        """Put aside: papers to copy, a form to fill in. The desk is free again."""
        before = self._require(refuse.UnableToHoldTicket, AT_A_DESK)
        if before is TicketState.SERVING:
            self._add_service_time(at)
        if self.for_pickup:
            return self._wait_for_pickup(before, at=at, actor=actor, reason=reason)
        desk = self.desk_id
        self._move(TicketState.HELD, at)
        self._say(said.TicketHeld, before=before, at=at, actor=actor, desk_id=desk, reason=reason)

    def await_pickup(self, *, at: datetime, actor: str, reason: str | None = None) -> None:
        """Served, but what was made must still be fetched. The desk is free again."""
        before = self._require(refuse.UnableToAwaitPickup, {TicketState.SERVING})
        self._add_service_time(at)
        self._wait_for_pickup(before, at=at, actor=actor, reason=reason)

    def resume(self, *, desk: str, at: datetime, actor: str) -> None:
        """Called back after a hold, or for the pickup."""
        waiting_aside = {TicketState.HELD, TicketState.AWAITING_PICKUP}
        before = self._require(refuse.UnableToResumeTicket, waiting_aside)
        self.for_pickup = before is TicketState.AWAITING_PICKUP
        if not self.for_pickup:
            self._change_leg(hold_seconds=self.leg.hold_seconds + _seconds(self.since, at))
        self.round = CallRound.begun(at)
        self._call_leg(desk, at)
        self._move(TicketState.CALLED, at, desk=desk)
        self._say(said.TicketResumed, before=before, at=at, actor=actor, hold_seconds=self.leg.hold_seconds)

    def transfer(
        self,
        *,
        service_id: str,
        counter_id: str,
        at: datetime,
        actor: str,
        reason: str | None = None,
    ) -> None:
        """This stop is over; the next one begins at the end of another service's line. The number stays."""
        before = self._require(refuse.UnableToTransferTicket, {TicketState.SERVING})
        if service_id == self.service_id:
            raise refuse.UnableToTransferTicket("same_service", field="service_id", **self._identity())
        if len(self.legs) >= MOST_LEGS:
            raise refuse.UnableToTransferTicket("too_many_legs", **self._identity())
        desk = self.desk_id
        self._add_service_time(at)
        self._close_leg(LegOutcome.TRANSFERRED, at)
        closed = self.leg
        self.legs = (*self.legs, Leg(service_id=service_id, counter_id=counter_id, opened_at=at))
        self.service_id, self.counter_id = service_id, counter_id
        self.order_at = self.callable_from = at
        self.near_front_at = None
        self.for_pickup = False
        self._move(TicketState.WAITING, at)
        self._say(
            said.TicketTransferred,
            before=before,
            at=at,
            actor=actor,
            desk_id=desk,
            reason=reason,
            from_counter_id=closed.counter_id,
            from_service_id=closed.service_id,
            wait_seconds=closed.wait_seconds,
            service_seconds=closed.service_seconds,
        )

    def return_to_queue(self, *, rules: Rules, at: datetime, actor: str, reason: str | None = None) -> None:
        """Back into the line at the old place; not called again for some minutes."""
        before = self._require(refuse.UnableToReturnTicket, {TicketState.CALLED})
        if self.for_pickup:
            return self._wait_for_pickup(before, at=at, actor=actor, reason=reason)
        desk = self.desk_id
        self._guard(rules)
        self._move(TicketState.WAITING, at)
        self._say(
            said.TicketReturned,
            before=before,
            at=at,
            actor=actor,
            desk_id=desk,
            reason=reason,
            callable_from=self.callable_from,
        )

    def mark_missed(self, *, rules: Rules, at: datetime, actor: str) -> None:
        """Called often enough, and nobody came."""
        before = self._require(refuse.UnableToMarkTicketMissed, {TicketState.CALLED})
        calls = self._rounds()
        if not calls.was_missed(at, rules):
            raise refuse.UnableToMarkTicketMissed(
                "called_too_seldom", calls=calls.counted, limit=rules.recall_limit, **self._identity()
            )
        if self.for_pickup:
            return self._wait_for_pickup(before, at=at, actor=actor)
        desk = self.desk_id
        self._close_leg(LegOutcome.NO_SHOW, at)
        self._move(TicketState.NO_SHOW, at)
        self._say(said.TicketMissed, before=before, at=at, actor=actor, desk_id=desk, calls=self.leg.calls)

    def reinstate(self, *, rules: Rules, at: datetime, actor: str) -> None:
        """Who missed the calls came soon after, and gets the old place back; once."""
        before = self._require(refuse.UnableToReinstateTicket, {TicketState.NO_SHOW})
        if self.reinstated:
            raise refuse.UnableToReinstateTicket("reinstated_before", **self._identity())
        if at - self._rounds().last_at > timedelta(minutes=rules.reinstate_minutes):
            raise refuse.UnableToReinstateTicket(
                "too_late", minutes=rules.reinstate_minutes, **self._identity()
            )
        self.reinstated = True
        self._change_leg(ended_at=None, outcome=None)
        self._guard(rules)
        self._move(TicketState.WAITING, at)
        self._say(said.TicketReinstated, before=before, at=at, actor=actor)

    def cancel(self, *, at: datetime, actor: str, reason: str | None = None) -> None:
        """The visitor or the office gives the place up."""
        before = self._require(refuse.UnableToCancelTicket, {TicketState.WAITING, TicketState.HELD})
        self._close_leg(LegOutcome.CANCELLED, at)
        self._move(TicketState.CANCELLED, at)
        self._say(said.TicketCancelled, before=before, at=at, actor=actor, reason=reason)

    def expire(self, *, at: datetime, actor: str) -> None:
        """The day ended first. Who is being served is never sent away, and a pickup may come on a later day."""
        before = self._require(refuse.UnableToExpireTicket, ENDS_WITH_THE_DAY)
        if self.for_pickup:
            return self._wait_for_pickup(before, at=at, actor=actor)
        desk = self.desk_id
        self._close_leg(LegOutcome.EXPIRED, at)
        self._move(TicketState.EXPIRED, at)
        self._say(said.TicketExpired, before=before, at=at, actor=actor, desk_id=desk)

    def approach_front(self, *, people_before: int, at: datetime, actor: str) -> None:
        """Few people are before the visitor now; said once per leg."""
        if self.state is not TicketState.WAITING or self.near_front_at is not None:
            return
        self.near_front_at = at
        self._say(said.TicketNearFront, before=self.state, at=at, actor=actor, people_before=people_before)

    def _wait_for_pickup(
        self, before: TicketState, *, at: datetime, actor: str, reason: str | None = None
    ) -> None:
        desk, self.for_pickup = self.desk_id, False
        self._move(TicketState.AWAITING_PICKUP, at)
        served = self.leg.service_seconds
        self._say(
            said.TicketAwaitingPickup,
            before=before,
            at=at,
            actor=actor,
            desk_id=desk,
            reason=reason,
            service_seconds=served,
        )

    def _require(self, refusal: type[Refusal], states: Collection[TicketState]) -> TicketState:
        if self.state not in states:
            raise refusal("wrong_state", **self._identity())
        return self.state

    def _identity(self) -> dict[str, str]:
        return {"number": self.number, "state": refuse.STATE_WORDS[self.state]}

    def _move(self, state: TicketState, at: datetime, *, desk: str | None = None) -> None:
        self.state, self.since, self.desk_id = state, at, desk
        self.rests_since = at if state in RESTS else None

    def _rounds(self) -> CallRound:
        assert self.round is not None, "a ticket that was called has a round of calls"
        return self.round

    def _guard(self, rules: Rules) -> None:
        self.callable_from = self._rounds().last_at + timedelta(minutes=rules.guard_minutes)

    def _call_leg(self, desk: str | None, at: datetime) -> None:
        # nobody waits while put aside or at a desk, and who is called for the pickup has waited before
        spent = self.leg.hold_seconds + self.leg.walk_seconds + self.leg.service_seconds
        waited = max(0.0, _seconds(self.leg.opened_at, at) - spent)
        wait = self.leg.wait_seconds if self.for_pickup else waited
        self._change_leg(calls=self.leg.calls + 1, desk_id=desk, wait_seconds=wait)

    def _add_service_time(self, at: datetime) -> None:
        self._change_leg(service_seconds=self.leg.service_seconds + _seconds(self.since, at))

    def _close_leg(self, outcome: LegOutcome, at: datetime) -> None:
        self._change_leg(outcome=outcome, ended_at=at)

    def _change_leg(self, **changes: Any) -> None:
        self.legs = (*self.legs[:-1], self.leg.model_copy(update=changes))

    def _say(
        self, kind: type[TicketEvent], *, before: TicketState | None, at: datetime, actor: str, **more: Any
    ) -> None:
        more.setdefault("desk_id", self.desk_id)
        event = kind(
            tenant=self.tenant,
            site_id=self.site_id,
            counter_id=self.counter_id,
            service_id=self.service_id,
            ticket_id=self.id,
            number=self.number,
            local_day=self.local_day,
            leg=len(self.legs),
            priority_class=self.priority_class,
            from_state=before,
            to_state=self.state,
            actor=actor,
            **more,
        )
        self._record(event, at=at)


def _seconds(begin: datetime, end: datetime) -> float:
    """Never negative: replicas' clocks may differ by a little."""
    return max(0.0, round((end - begin).total_seconds(), 3))
