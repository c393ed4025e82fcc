"""The line before a counter. Every call of the counter changes it, so calls of one counter have an order,
whatever desk and replica they come from."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.queue.domain.calling import in_order, served_set, streak_after
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import Ticket

MOST_SETS = 64
"""Desks are given other services now and then; what no desk has called for the longest is forgotten first."""


class UnableToCallNext(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "nobody_waiting": LocalizedText(
            "Tidak ada yang menunggu untuk loket ini.", "Nobody waits for this desk."
        ),
    }


class Line(Aggregate):
    """Its id is the counter's."""

    collection: ClassVar[str] = "lines"
    warm: ClassVar[bool] = True

    in_a_row: tuple[tuple[str, int], ...] = ()
    """Priority calls since the last regular one, for each set of services that desks serve (`served_set`), the latest
    to call last; pairs, because a mapping in another order is no other value. One streak for the whole counter would end with every regular call of a desk that serves
    something else, and those who wait only for the other desks would never be called."""
    calls: int = 0

    @property
    def streaks(self) -> Mapping[str, int]:
        return dict(self.in_a_row)

    def call_next(
        self,
        candidates: Iterable[Ticket],
        *,
        desk: str,
        serves: Iterable[str],
        wait_limits: Mapping[str, timedelta],
        rules: Rules,
        at: datetime,
        actor: str,
    ) -> Ticket:
        """Call who is next among those the desk may serve, and tell those who are now near the front."""
        waiting = list(candidates)
        callable_now = [one for one in waiting if one.callable_from <= at]
        served = served_set(serves)
        streak = self.streaks.get(served, 0)
        ordered = partial(in_order, at=at, wait_limits=wait_limits, priority_in_a_row=rules.priority_in_a_row)
        order = ordered(callable_now, streak=streak)
        ticket = next(order, None)
        if ticket is None:
            raise UnableToCallNext("nobody_waiting")
        self.calls += 1
        streak = streak_after(ticket, streak)
        self._keep(served, streak)
        ticket.call(desk=desk, line_sequence=self.calls, at=at, actor=actor)
        if len(callable_now) < len(waiting):
            # who may not be called yet stands before others all the same, as visitors see it on their own page
            others = [one for one in waiting if one is not ticket]
            order = ordered(others, streak=streak)
        for people_before, following in zip(range(rules.near_front + 1), order, strict=False):
            following.approach_front(people_before=people_before, at=at, actor=actor)
        return ticket

    def _keep(self, served: str, streak: int) -> None:
        others = [one for one in self.in_a_row if one[0] != served]
        self.in_a_row = (*others[max(0, len(others) - MOST_SETS + 1) :], (served, streak))
