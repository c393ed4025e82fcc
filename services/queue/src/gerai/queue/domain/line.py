"""The line before a counter. Every call of the counter changes it, so calls of one counter have an order,
whatever desk and replica they come from."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import Refusal, Sentence
from gerai.queue.domain.calling import in_order, streak_after
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket


class UnableToCallNext(Refusal):
    sentences: ClassVar[dict[str, Sentence]] = {
        "nobody_waiting": Sentence("Tidak ada yang menunggu untuk loket ini.", "Nobody waits for this desk."),
    }


class Line(Aggregate):
    """Its id is the counter's."""

    collection: ClassVar[str] = "lines"
    warm: ClassVar[bool] = True

    priority_streak: int = 0
    """Priority calls since the last regular one."""
    calls: int = 0

    def call_next(
        self, candidates: Iterable[Ticket], *, desk: str, rules: Rules, at: datetime, actor: str
    ) -> Ticket:
        """Call who is next among those the desk may serve, and tell those who are now near the front."""
        callable_now = [one for one in candidates if one.callable_from <= at]
        order = in_order(
            callable_now,
            at=at,
            streak=self.priority_streak,
            priority_in_a_row=rules.priority_in_a_row,
        )
        ticket = next(order, None)
        if ticket is None:
            raise UnableToCallNext("nobody_waiting")
        self.calls += 1
        self.priority_streak = streak_after(ticket, self.priority_streak)
        ticket.call(desk=desk, line_sequence=self.calls, at=at, actor=actor)
        for people_before, following in zip(range(rules.near_front + 1), order, strict=False):
            following.approach_front(people_before=people_before, at=at, actor=actor)
        return ticket
