"""A ticket: a visitor's place in the queue, leg by leg, and every step it may take."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from gerai.contracts import queue as told
from gerai.contracts.queue import PriorityClass, TicketState
from gerai.messaging.aggregate import Aggregate
from gerai.queue.domain.leg import Leg
from gerai.queue.domain.offering import Offering
from gerai.queue.domain.refusals import UnableToChangeTicket
from gerai.queue.domain.rules import Rules


class Ticket(Aggregate):
    """Each method is one step, records one event, and refuses by name with the state that the ticket is in."""

    collection: ClassVar[str] = "tickets"
    followed: ClassVar[bool] = True

    site_id: str
    counter_id: str
    service_id: str
    """Of the present leg, as is the counter."""
    issue_service_id: str
    """Where the number was drawn; it stays with the visitor through transfers."""
    number: str
    n: int
    local_day: str
    link: str
    """The unguessable part of the visitor's own page."""
    state: TicketState = TicketState.WAITING
    priority_class: PriorityClass = PriorityClass.REGULAR
    priority_reason: str | None = None
    """Close to health data: it stays here and travels in no event."""
    party_id: str | None = None
    order_at: datetime
    """The place in the line: when the leg began."""
    overdue_at: datetime | None = None
    """From then on the visitor has waited longer than the service's limit."""
    callable_from: datetime
    """Not before; guards who was called just now against being called at once again."""
    desk_id: str | None = None
    near_front_at: datetime | None = None
    reinstated: bool = False
    legs: tuple[Leg, ...]

    @classmethod
    def issue(
        cls,
        *,
        id: str,
        link: str,
        offering: Offering,
        number: str,
        n: int,
        local_day: str,
        priority_class: PriorityClass,
        priority_reason: str | None,
        party_id: str | None,
        actor: str,
        at: datetime,
    ) -> "Ticket":
        service = offering.service
        ticket = cls(
            id=id,
            tenant=service.tenant,
            site_id=service.site_id,
            counter_id=service.counter_id,
            service_id=service.id,
            issue_service_id=service.id,
            number=number,
            n=n,
            local_day=local_day,
            link=link,
            priority_class=priority_class,
            priority_reason=priority_reason,
            party_id=party_id,
            order_at=at,
            overdue_at=_overdue_at(offering, at),
            callable_from=at,
            legs=(Leg(service_id=service.id, counter_id=service.counter_id, opened_at=at),),
        )
        ticket._tell(told.TicketIssued, None, actor, at, party_id=party_id)
        return ticket

    @property
    def leg(self) -> Leg:
        """The present one."""
        return self.legs[-1]

    @property
    def is_over(self) -> bool:
        return self.state in {
            TicketState.SERVED,
            TicketState.CANCELLED,
            TicketState.EXPIRED,
        }

    def call(self, *, desk_id: str, line_sequence: int, actor: str, at: datetime) -> None:
        """A desk calls whoever is next."""
        self._require("call", TicketState.WAITING)
        self.desk_id = desk_id
        leg = self._change_leg(self.leg.called(at))
        self._step(
            told.TicketCalled,
            TicketState.CALLED,
            actor,
            at,
            call=leg.calls,
            wait_seconds=leg.wait_seconds,
            line_sequence=line_sequence,
        )

    def recall(self, rules: Rules, *, actor: str, at: datetime) -> None:
        """Call again: not at once, and not for ever."""
        self._require("recall", TicketState.CALLED)
        if self.leg.calls >= rules.recall_limit:
            raise UnableToChangeTicket("recall_limit_reached", number=self.number, calls=self.leg.calls)
        self._require_gap(rules, at)
        leg = self._change_leg(self.leg.called(at))
        self._step(told.TicketRecalled, TicketState.CALLED, actor, at, call=leg.calls)

    def start(self, *, actor: str, at: datetime) -> None:
        """The visitor stands at the desk."""
        self._require("start", TicketState.CALLED)
        leg = self._change_leg(self.leg.started(at))
        self._step(told.TicketServingStarted, TicketState.SERVING, actor, at, walk_seconds=leg.walk_seconds)

    def finish(self, *, actor: str, at: datetime) -> None:
        """Served; the visit is over."""
        self._require("finish", TicketState.SERVING)
        leg = self._change_leg(self.leg.ended(at, "served"))
        self._step(
            told.TicketServed,
            TicketState.SERVED,
            actor,
            at,
            wait_seconds=leg.wait_seconds,
            walk_seconds=leg.walk_seconds,
            service_seconds=leg.service_seconds,
            hold_seconds=leg.hold_seconds,
        )

    def hold(self, *, actor: str, reason: str | None, at: datetime) -> None:
        """Put aside: the visitor must copy a paper, or is not there yet."""
        self._require("hold", TicketState.CALLED, TicketState.SERVING)
        self._change_leg(self.leg.held(at))
        self._step(told.TicketHeld, TicketState.HELD, actor, at, reason=reason)
        self.desk_id = None

    def await_pickup(self, *, actor: str, at: datetime) -> None:
        """Served, but what was made must still be fetched."""
        self._require("await_pickup", TicketState.SERVING)
        leg = self._change_leg(self.leg.held(at))
        self._step(
            told.TicketAwaitingPickup,
            TicketState.AWAITING_PICKUP,
            actor,
            at,
            service_seconds=leg.service_seconds,
        )
        self.desk_id = None

    def resume(self, *, desk_id: str, actor: str, at: datetime) -> None:
        """Called back from a hold or for the pickup, out of turn."""
        self._require("resume", TicketState.HELD, TicketState.AWAITING_PICKUP)
        self.desk_id = desk_id
        leg = self._change_leg(self.leg.resumed(at))
        self._step(told.TicketResumed, TicketState.CALLED, actor, at, hold_seconds=leg.hold_seconds)

    def transfer(self, offering: Offering, *, actor: str, reason: str | None, at: datetime) -> None:
        """On to another service: this leg is closed and the next one waits, in its own order."""
        self._require("transfer", TicketState.SERVING)
        service = offering.service
        if service.id == self.service_id:
            raise UnableToChangeTicket("same_service", field="service_id", number=self.number)
        left = self._change_leg(self.leg.ended(at, "transferred"))
        self.legs = (*self.legs, Leg(service_id=service.id, counter_id=service.counter_id, opened_at=at))
        self.counter_id, self.service_id = service.counter_id, service.id
        self.order_at = self.callable_from = at
        self.overdue_at = _overdue_at(offering, at)
        self.near_front_at = None
        self.desk_id = None
        self._step(
            told.TicketTransferred,
            TicketState.WAITING,
            actor,
            at,
            reason=reason,
            from_counter_id=left.counter_id,
            from_service_id=left.service_id,
            wait_seconds=left.wait_seconds,
            service_seconds=left.service_seconds,
        )

    def return_to_queue(self, rules: Rules, *, actor: str, reason: str | None, at: datetime) -> None:
        """Back to the old place, but not called at once again."""
        self._require("return", TicketState.CALLED)
        self.callable_from = at + rules.guard
        self._step(
            told.TicketReturned,
            TicketState.WAITING,
            actor,
            at,
            reason=reason,
            callable_from=self.callable_from,
        )
        self.desk_id = None

    def mark_missed(self, rules: Rules, *, actor: str, at: datetime) -> None:
        """Nobody came: after enough calls, or when the grace is over."""
        self._require("no_show", TicketState.CALLED)
        last = self.leg.last_called_at
        if last is None or at - last < rules.grace:
            if self.leg.calls < rules.recall_limit:
                raise UnableToChangeTicket(
                    "not_called_enough", number=self.number, calls=self.leg.calls, limit=rules.recall_limit
                )
            self._require_gap(rules, at)
        self._change_leg(self.leg.ended(at, "no_show"))
        self._step(told.TicketMissed, TicketState.NO_SHOW, actor, at, calls=self.leg.calls)
        self.desk_id = None

    def reinstate(self, rules: Rules, *, actor: str, at: datetime) -> None:
        """Who missed the call came in time; once."""
        self._require("reinstate", TicketState.NO_SHOW)
        if self.reinstated:
            raise UnableToChangeTicket("reinstated_before", number=self.number)
        last = self.leg.last_called_at
        if last is not None and at - last > rules.reinstatement:
            raise UnableToChangeTicket("too_late", number=self.number)
        self.reinstated = True
        self.callable_from = at
        self._change_leg(self.leg.reopened())
        self._step(told.TicketReinstated, TicketState.WAITING, actor, at)

    def cancel(self, *, actor: str, reason: str | None, at: datetime) -> None:
        self._require("cancel", TicketState.WAITING, TicketState.HELD)
        self._change_leg(self.leg.ended(at, "cancelled"))
        self._step(told.TicketCancelled, TicketState.CANCELLED, actor, at, reason=reason)

    def expire(self, *, actor: str, at: datetime) -> None:
        """The day ended."""
        self._require("expire", TicketState.WAITING)
        self._change_leg(self.leg.ended(at, "expired"))
        self._step(told.TicketExpired, TicketState.EXPIRED, actor, at, reason="end_of_day")

    def approach_front(self, *, people_before: int, actor: str, at: datetime) -> None:
        """Few people are before this visitor now. Told once per leg; asking again changes nothing."""
        if self.state is TicketState.WAITING and self.near_front_at is None:
            self.near_front_at = at
            self._tell(told.TicketNearFront, self.state, actor, at, people_before=people_before)

    def _require(self, step: str, *states: TicketState) -> None:
        if self.state not in states:
            raise UnableToChangeTicket(
                "wrong_state", number=self.number, state=self.state.value, step=step, ticket_id=self.id
            )

    def _require_gap(self, rules: Rules, at: datetime) -> None:
        last = self.leg.last_called_at
        if last is not None and at - last < rules.recall_gap:
            left = rules.recall_gap - (at - last)
            raise UnableToChangeTicket(
                "called_too_soon", number=self.number, seconds=max(1, round(left.total_seconds()))
            )

    def _change_leg(self, leg: Leg) -> Leg:
        self.legs = (*self.legs[:-1], leg)
        return leg

    def _step(
        self, event: type[told.TicketEvent], to: TicketState, actor: str, at: datetime, **more: Any
    ) -> None:
        before, self.state = self.state, to
        self._tell(event, before, actor, at, **more)

    def _tell(
        self, event: type[told.TicketEvent], before: TicketState | None, actor: str, at: datetime, **more: Any
    ) -> None:
        self._record(
            event(
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
                desk_id=self.desk_id,
                **more,
            ),
            at=at,
        )


def _overdue_at(offering: Offering, at: datetime) -> datetime | None:
    limit = offering.service.wait_limit_minutes
    return at + timedelta(minutes=limit) if limit is not None else None
