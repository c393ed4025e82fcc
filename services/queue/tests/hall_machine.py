"""A hall at work, step by step, on any storage: what is called is what a plain reading of the rules says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from queue_builders import MORNING, Hall, catalogue, plain_choice

from gerai.contracts.queue import PriorityClass, TicketState
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.refusal import Refusal
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Storage, TimerRow
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession
from gerai.queue.domain.rules import Rules
from gerai.queue.domain.ticket import AT_A_DESK, Ticket
from gerai.queue.use_cases.await_pickup import await_pickup
from gerai.queue.use_cases.cancel_ticket import cancel_ticket, cancel_visit
from gerai.queue.use_cases.finish_ticket import finish_ticket
from gerai.queue.use_cases.hold_ticket import hold_ticket
from gerai.queue.use_cases.mark_no_show import mark_no_show
from gerai.queue.use_cases.recall_ticket import recall_ticket
from gerai.queue.use_cases.reinstate_ticket import reinstate_ticket
from gerai.queue.use_cases.resume_ticket import resume_ticket
from gerai.queue.use_cases.return_ticket import return_ticket
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.transfer_ticket import transfer_ticket
from gerai.queue.use_cases.when_day_ended_expire_tickets import when_day_ended_expire_tickets
from gerai.register.testing import MAKASSAR, TENANT, service

DESKS = {
    "loket-1": ("dpmptsp", {"nib", "izin"}),
    "loket-2": ("dpmptsp", {"nib", "izin"}),
    "loket-3": ("dpmptsp", {"izin"}),
    "loket-9": ("samsat", {"pajak"}),
}
RULES = Rules(grace_seconds=60, priority_in_a_row=2, near_front=1)
LIMITS: dict[str, int | None] = {"nib": 45, "izin": 10, "pajak": 45}
ASIDE = {TicketState.HELD, TicketState.AWAITING_PICKUP}
desks = st.sampled_from(sorted(DESKS))


class HallMachine(RuleBasedStateMachine):
    """A subclass brings the storage and the rows that were said. It cannot be an ABC: Hypothesis's machines have a
    metaclass of their own."""

    async def storage(self) -> Storage:
        raise NotImplementedError

    async def rows(self) -> list[tuple[str, int, str, dict[str, Any]]]:
        """(aggregate, version, type, body) of every outbox row."""
        raise NotImplementedError

    async def tickets(self) -> list[Ticket]:
        raise NotImplementedError

    async def leave(self) -> None:
        """After the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = MORNING
        self.limits = dict(LIMITS)
        self.issued: dict[str, int] = {"nib": 0, "izin": 0, "pajak": 0}
        self.calls: dict[str, int] = {"dpmptsp": 0, "samsat": 0}
        self.called_today = 0
        self.pickups: set[str] = set()
        self.links: dict[str, str] = {}
        self.in_a_row: dict[frozenset[str], int] = {frozenset(services): 0 for _, services in DESKS.values()}

    def known(self) -> Catalogue:
        nib, izin = (self.limits[id] for id in ("nib", "izin"))
        return catalogue(
            service("nib", wait_limit_minutes=nib),
            service("izin", prefix="B", wait_limit_minutes=izin),
            rules=RULES,
        )

    def does(self, doing: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await doing

        return self.runner.run(run())

    @initialize()
    def the_mall_opens(self) -> None:
        async def begin() -> None:
            storage = await self.storage()
            self.commit = GroupCommit(storage, source="/gerai/queue")
            await self.commit.__aenter__()
            self.hall = Hall(storage, self.commit, self.known())
            await self.hall.opens(*DESKS)

        self.does(begin())
        self.people_wait_at_the_door()

    def people_wait_at_the_door(self) -> None:
        """So that a short history has somebody to call, too."""
        for where, priority, count in (
            ("nib", False, 2),
            ("izin", True, 2),
            ("izin", False, 1),
            ("pajak", False, 1),
        ):
            self.come(where, priority, count)

    def teardown(self) -> None:
        if hasattr(self, "commit"):
            self.does(self.commit.__aexit__())
        self.does(self.leave())
        self.runner.close()

    def attempt(self, doing: Awaitable[Any]) -> Any:
        try:
            return self.does(doing)
        except Refusal as refusal:
            return refusal

    @rule(seconds=st.integers(1, 300))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(where=st.sampled_from(["nib", "izin"]), limit=st.sampled_from([None, 5, 10, 45]))
    def a_registrar_changes_a_wait_limit(self, where: str, limit: int | None) -> None:
        self.limits[where] = limit
        self.hall.catalogue = self.known()

    @rule(where=st.sampled_from(["nib", "izin", "pajak"]), priority=st.booleans(), count=st.integers(1, 3))
    def visitors_come(self, where: str, priority: bool, count: int) -> None:
        self.come(where, priority, count)

    def come(self, where: str, priority: bool, count: int) -> None:
        async def come() -> list[Any]:
            coming = (self.hall.issues(where, at=self.now, priority=priority) for _ in range(count))
            return await asyncio.gather(*coming)

        issued = self.does(come())
        self.links.update({one.id: one.link for one in issued})
        numbers = sorted(int(one.number.split("-")[1]) for one in issued)
        begin = self.issued[where] + 1
        assert numbers == list(range(begin, begin + count))
        self.issued[where] += count

    @rule(desk=desks)
    def a_desk_calls(self, desk: str) -> None:
        counter, services = DESKS[desk]
        before = self.does(self.tickets())
        busy = any(one.desk_id == desk for one in before)
        waiting = [
            one
            for one in before
            if one.state is TicketState.WAITING
            and one.service_id in services
            and one.callable_from <= self.now
        ]
        got = self.attempt(self.hall.calls(desk, at=self.now))
        if busy or not waiting:
            assert isinstance(got, Refusal)
            assert got.code == ("desk_busy" if busy else "nobody_waiting")
            return
        served = frozenset(services)
        expected = plain_choice(waiting, self.now, self.in_a_row[served], 2, self.limits)
        assert got.id == expected.id, f"{got.number} was called, {expected.number} was next"
        priority = got.priority_class is PriorityClass.PRIORITY
        self.in_a_row[served] = self.in_a_row[served] + 1 if priority else 0
        self.calls[counter] += 1
        self.called_today += 1

    @rule(desk=desks, step=st.sampled_from([start_serving, finish_ticket, recall_ticket, mark_no_show]))
    def an_officer_works(self, desk: str, step: Callable[..., Awaitable[Any]]) -> None:
        self.attempt(self.hall.takes(step, desk, at=self.now))

    @rule(desk=desks, step=st.sampled_from([hold_ticket, return_ticket, await_pickup]))
    def an_officer_puts_aside(self, desk: str, step: Callable[..., Awaitable[Any]]) -> None:
        self.attempt(self.hall.takes(step, desk, at=self.now, reason=None))

    @rule(desk=desks, to=st.sampled_from(["nib", "izin", "pajak"]))
    def an_officer_sends_on(self, desk: str, to: str) -> None:
        self.attempt(self.hall.takes(transfer_ticket, desk, at=self.now, service_id=to, reason=None))

    @rule(desk=desks, which=st.integers(0, 9))
    def somebody_comes_back(self, desk: str, which: int) -> None:
        aside = [
            one
            for one in self.does(self.tickets())
            if one.state in {*ASIDE, TicketState.NO_SHOW, TicketState.WAITING}
        ]
        if not aside:
            return
        one = aside[which % len(aside)]
        if one.state in ASIDE:
            got = self.attempt(self.hall.takes(resume_ticket, desk, at=self.now, ticket_id=one.id))
            assert isinstance(got, Refusal) or (got.state, got.desk_id) == (TicketState.CALLED, desk)
        elif one.state is TicketState.NO_SHOW:
            self.attempt(self.hall.acts(reinstate_ticket, one.id, at=self.now))
        elif which == 0:
            self.attempt(self.hall.does(lambda uow: cancel_ticket(uow, self.now, one.id, reason=None)))

    @precondition(lambda self: self.called_today >= 2)
    @rule(which=st.integers(0, 20))
    def a_visitor_gives_up_by_the_link(self, which: int) -> None:
        known = sorted(self.does(self.tickets()), key=lambda one: (one.state, one.number))
        if which >= len(known):
            return
        one = known[which]
        got = self.attempt(
            self.hall.does(
                lambda uow: cancel_visit(uow, self.now, self.links[one.id], catalogue=self.hall.catalogue)
            )
        )
        if one.state in {TicketState.WAITING, TicketState.HELD}:
            assert (got.state, got.can_cancel) == (TicketState.CANCELLED, False)
        else:
            assert got.code == "wrong_state"

    @precondition(lambda self: self.called_today >= 2)
    @rule()
    def the_day_ends_and_the_next_begins(self) -> None:
        """Nobody is left but who is being served, and what may be fetched tomorrow."""
        today = self.now.astimezone(MAKASSAR)
        evening = today.replace(hour=16, minute=30, second=0, microsecond=0)
        timer = TimerRow(
            id=f"end-of-day:mpp:{today:%Y-%m-%d}",
            name="end-of-day",
            key=f"mpp:{today:%Y-%m-%d}",
            due=evening.astimezone(UTC),
            tenant=TENANT,
            payload={"site_id": "mpp", "local_day": f"{today:%Y-%m-%d}"},
        )
        before = {one.id: one for one in self.does(self.tickets())}
        self.does(
            self.hall.does(
                lambda uow: when_day_ended_expire_tickets(
                    timer, uow=uow, at=evening.astimezone(UTC), catalogue=self.hall.catalogue
                )
            )
        )
        assert {one.id for one in self.does(self.open_desks())} == {
            one.desk_id for one in before.values() if one.state is TicketState.SERVING
        }
        expected = {id: self.state_overnight(one) for id, one in before.items()}
        assert {one.id: one.state for one in self.does(self.tickets())} == expected
        days = 3 if today.weekday() == 4 else 1
        self.now = (today.replace(hour=9, minute=0) + timedelta(days=days)).astimezone(UTC)
        self.issued = dict.fromkeys(self.issued, 0)
        self.called_today = 0
        self.does(self.hall.opens(*DESKS, at=self.now))
        self.people_wait_at_the_door()

    async def open_desks(self) -> list[DeskSession]:
        return await self.hall.queries.select(Selection(kind=DeskSession, where={"is_open": True}))

    def state_overnight(self, one: Ticket) -> TicketState:
        if one.id in self.pickups and one.state is TicketState.CALLED:
            return TicketState.AWAITING_PICKUP
        ends = {TicketState.WAITING, TicketState.CALLED, TicketState.HELD}
        return TicketState.EXPIRED if one.state in ends else one.state

    @invariant()
    def no_desk_has_two_tickets(self) -> None:
        if not hasattr(self, "hall"):
            return
        at_desks = [one.desk_id for one in self.does(self.tickets()) if one.state in AT_A_DESK]
        assert len(at_desks) == len(set(at_desks))

    @invariant()
    def every_step_was_said_once_and_in_order(self) -> None:
        if not hasattr(self, "hall"):
            return
        versions: dict[str, list[int]] = {}
        lines: dict[str, list[int]] = {}
        states: dict[str, str] = {}
        self.pickups = set()
        for aggregate, version, type, body in self.does(self.rows()):
            versions.setdefault(aggregate, []).append(version)
            if type == "queue.ticket-called.v1":
                lines.setdefault(body["counter_id"], []).append(body["line_sequence"])
            if aggregate.startswith("tickets:"):
                assert body["from_state"] == states.get(aggregate), (
                    "a step does not begin where the last ended"
                )
                states[aggregate] = body["to_state"]
                self.follow_pickup(body)
        assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())
        assert all(sorted(seen) == list(range(1, len(seen) + 1)) for seen in lines.values())
        assert {counter: len(seen) for counter, seen in lines.items()} == {
            counter: count for counter, count in self.calls.items() if count
        }
        found = {f"tickets:{one.id}": one.state.value for one in self.does(self.tickets())}
        assert found == states

    def follow_pickup(self, body: dict[str, Any]) -> None:
        """Served and not handed over yet: such a ticket waits for its pickup, or is at a desk for it."""
        id, state = body["ticket_id"], TicketState(body["to_state"])
        if state is TicketState.AWAITING_PICKUP:
            self.pickups.add(id)
        elif state is TicketState.SERVED or "from_service_id" in body:
            self.pickups.discard(id)
        assert id not in self.pickups or state in {TicketState.AWAITING_PICKUP, *AT_A_DESK}


def body_of(row: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(row)
    return body
