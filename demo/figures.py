"""The day in figures: for the table at the end, and the same as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from demo.listener import Published
from demo.mall import Mall
from demo.officer import Officer
from demo.reckoning import Reckoning
from demo.scoreboard import Scoreboard, Tally, percentile
from demo.trace import Trace
from gerai.contracts.queue import TicketState


@dataclass(frozen=True, kw_only=True)
class CounterFigures:
    """One row of the table. Waits in minutes of business time."""

    id: str
    name: str
    issued: int
    served: int
    passed_on: int
    no_show: int
    cancelled: int
    expired: int
    mean_wait: float | None
    p90_wait: float | None
    utilisation: float
    """Time with a visitor at the desks ÷ time that the desks were open."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All that the demo found out, and whether it is as it should be."""

    seed: int
    day: date
    visitors: int
    seconds: float
    speed: float
    counters: Sequence[CounterFigures]
    board: Scoreboard
    refusals: Mapping[str, int]
    late_cancels: int
    published: Published
    reckoning: Reckoning
    trace: Trace | None

    def complaints(self) -> list[str]:
        """What is not as it should be, each in one sentence; empty when all is well."""
        found = []
        sums = self.reckoning
        if sums.unpublished:
            found.append(f"{len(sums.unpublished)} committed events never reached Kafka.")
        if sums.unknown:
            found.append(f"{len(sums.unknown)} events on Kafka were never committed.")
        for one in sums.readings:
            if one.missing:
                found.append(f"{one.group} has not taken {len(one.missing)} events.")
            if one.unexpected:
                found.append(f"{one.group} has taken {len(one.unexpected)} events that nobody committed.")
        if self.published.out_of_order:
            found.append(f"The events of {len(self.published.out_of_order)} entries came out of order.")
        if self.board.still_open:
            found.append(f"{self.board.still_open} tickets were not ended by the end of the day.")
        if self.board.issued != self.visitors - sum(self.refusals.values()):
            found.append("The tickets issued and the refusals don't add up to the visitors.")
        if self.trace is None:
            found.append("Zipkin has no trace of any served visitor.")
        elif not self.trace.whole:
            found.append(f"The visitor's trace {self.trace.id} lacks: {', '.join(self.trace.lacks)}.")
        return found

    def as_json(self) -> dict[str, Any]:
        sums, board = self.reckoning, self.board
        return {
            "ok": not self.complaints(),
            "complaints": self.complaints(),
            "seed": self.seed,
            "business_date": self.day.isoformat(),
            "visitors": self.visitors,
            "seconds": round(self.seconds, 1),
            "clock_speed": self.speed,
            "counters": [vars(row) for row in self.counters],
            "totals": {
                "issued": board.issued,
                **{
                    state.value: board.total(state)
                    for state in (
                        TicketState.SERVED,
                        TicketState.NO_SHOW,
                        TicketState.CANCELLED,
                        TicketState.EXPIRED,
                    )
                },
                "still_open": board.still_open,
                "mean_wait": minutes(sum(board.waits) / len(board.waits)) if board.waits else None,
                "p90_wait": minutes(percentile(board.waits, 0.9)),
            },
            "steps": dict(sorted(board.steps.items())),
            "refused": dict(sorted(self.refusals.items())),
            "cancelled_too_late": self.late_cancels,
            "events": {
                "committed": len(sums.all_committed),
                "committed_by_service": {name: len(ids) for name, ids in sums.committed.items()},
                "published": len(sums.published),
                "deliveries": self.published.deliveries,
                "out_of_order": len(self.published.out_of_order),
                "consumed": {
                    one.group: {"expected": len(one.expected), "taken": len(one.taken)}
                    for one in sums.readings
                },
                "missing": len(sums.unpublished) + sum(len(one.missing) for one in sums.readings),
            },
            "trace": None
            if self.trace is None
            else {
                "id": self.trace.id,
                "address": self.trace.address,
                "number": self.trace.number,
                "legs": self.trace.legs,
                "spans": self.trace.spans,
                "services": list(self.trace.services),
                "whole": self.trace.whole,
            },
        }


def counter_figures(mall: Mall, board: Scoreboard, officers: Sequence[Officer]) -> tuple[CounterFigures, ...]:
    """In the order of the example data."""
    open_seconds = dict.fromkeys(mall.counters, 0.0)
    for officer in officers:
        if officer.opened_at is not None and officer.closed_at is not None:
            worked: timedelta = officer.closed_at - officer.opened_at
            open_seconds[officer.desk.counter_id] += worked.total_seconds()
    return tuple(_row(id, name, board.tallies[id], open_seconds[id]) for id, name in mall.counters.items())


def _row(id: str, name: str, tally: Tally, open_seconds: float) -> CounterFigures:
    return CounterFigures(
        id=id,
        name=name,
        issued=tally.issued,
        served=tally.states[TicketState.SERVED],
        passed_on=tally.passed_on,
        no_show=tally.states[TicketState.NO_SHOW],
        cancelled=tally.states[TicketState.CANCELLED],
        expired=tally.states[TicketState.EXPIRED],
        mean_wait=minutes(tally.mean_wait),
        p90_wait=minutes(tally.p90_wait),
        utilisation=round(tally.served_seconds / open_seconds, 3) if open_seconds else 0.0,
    )


def minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 1)
