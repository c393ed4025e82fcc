"""A small mall to test with, and people who use it through the use cases."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from gerai.chassis.testing import envelope
from gerai.contracts.queue import PriorityClass
from gerai.messaging.command import needs_of
from gerai.messaging.context import Context
from gerai.messaging.group_commit import NOTHING, GroupCommit, Needs
from gerai.messaging.storage import IdempotencyKey, OutboxRow, Storage, StoredAnswer
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.priority import PriorityReason
from gerai.queue.domain.rules import Rules, SiteRules
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.call_next import call_next
from gerai.queue.use_cases.issue_ticket import IssueTicket, issue_ticket
from gerai.queue.use_cases.open_desk import open_desk
from gerai.queue.use_cases.views import IssuedTicket, TicketView
from gerai.register.entries import EntryChanged
from gerai.register.kept_entries import when_register_changed_keep_entry
from gerai.register.testing import MAKASSAR, SMALL, TENANT, entries

MORNING = datetime(2026, 11, 24, 9, tzinfo=MAKASSAR).astimezone(ZoneInfo("UTC"))
"""09:00 of a Tuesday at the site; no holiday."""
TODAY = "2026-11-24"
RULES = Rules()

T = TypeVar("T")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def catalogue(*changes: EntryChanged, rules: Rules = RULES) -> Catalogue:
    """The small mall, with some entries replaced or added."""
    return Catalogue(entries([*SMALL, *changes]), [SiteRules(id="mpp", tenant=TENANT, rules=rules)])


def ticket(
    n: int = 1,
    *,
    at: datetime = MORNING,
    priority: bool = False,
    service_id: str = "nib",
    id: str | None = None,
) -> Ticket:
    return Ticket.issue(
        id=id or f"ticket-{service_id}-{n}",
        tenant=TENANT,
        site_id="mpp",
        counter_id="dpmptsp",
        service_id=service_id,
        number=f"A-{n:03d}",
        n=n,
        local_day=TODAY,
        secret=secrets.token_urlsafe(16),
        at=at,
        actor="kiosk",
        priority_class=PriorityClass.PRIORITY if priority else PriorityClass.REGULAR,
    )


def called(at: datetime = MORNING + minutes(10), **more: Any) -> Ticket:
    one = ticket(**more)
    one.call(desk="loket-1", line_sequence=1, at=at, actor="officer")
    return one


def serving(at: datetime = MORNING + minutes(11)) -> Ticket:
    one = called()
    one.start(at=at, actor="officer")
    return one


def plain_choice(
    waiting: list[Ticket], at: datetime, in_a_row: int, most: int, limits: Mapping[str, int | None]
) -> Ticket:
    """Who is next, as a clerk would read the rules out: slow, and plainly right. `limits`: minutes, by service."""

    def is_overdue(one: Ticket) -> bool:
        limit = limits[one.service_id]
        return limit is not None and at - one.order_at >= minutes(limit)

    others = [one for one in waiting if not is_priority(one)]
    if in_a_row >= most and others:
        waiting = others
    waiting = [one for one in waiting if is_overdue(one)] or waiting
    waiting = [one for one in waiting if is_priority(one)] or waiting
    return min(waiting, key=lambda one: (one.order_at, one.n, one.id))


def is_priority(view: Ticket | TicketView) -> bool:
    return view.priority_class is PriorityClass.PRIORITY


class Hall:
    """Kiosks and officers of one regency, on any storage."""

    def __init__(
        self, storage: Storage, commit: GroupCommit, known: Catalogue, *, tenant: str = TENANT
    ) -> None:
        self.storage = storage
        self.commit = commit
        self.catalogue = known
        self.tenant = tenant

    def context(self, actor: str = "tester") -> Context:
        return Context(tenant=self.tenant, actor=actor, correlation_id="test")

    async def does(
        self,
        use_case: Callable[[UnitOfWork], Awaitable[T]],
        *,
        idempotency_key: IdempotencyKey | None = None,
        needs: Needs = NOTHING,
        actor: str = "tester",
    ) -> T:
        outcome: list[T] = []

        async def command(uow: UnitOfWork) -> StoredAnswer | None:
            outcome[:] = [await use_case(uow)]
            return None

        await self.commit.execute(
            command, context=self.context(actor), idempotency_key=idempotency_key, needs=needs
        )
        return outcome[0]

    async def runs(
        self,
        use_case: Callable[..., Awaitable[T]],
        *args: Any,
        at: datetime,
        actor: str = "tester",
        **more: Any,
    ) -> T:
        """As a route runs it."""
        known = {"catalogue": self.catalogue, **more}
        return await self.does(
            lambda uow: use_case(uow, at, *args, **known),
            needs=needs_of(use_case, args, known, tenant=self.tenant, at=at),
            actor=actor,
        )

    async def issues(
        self, service_id: str = "nib", *, at: datetime = MORNING, priority: bool = False
    ) -> IssuedTicket:
        command = IssueTicket(
            service_id=service_id, priority_reason=PriorityReason.ELDERLY if priority else None
        )
        return await self.runs(issue_ticket, command, at=at, actor="kiosk")

    async def opens(self, *desks: str, at: datetime = MORNING) -> None:
        for one in desks:
            await self.runs(open_desk, one, at=at)

    async def calls(self, desk_id: str = "loket-1", *, at: datetime = MORNING + minutes(10)) -> TicketView:
        return await self.runs(call_next, desk_id, at=at)

    async def takes(self, step: Callable[..., Awaitable[T]], desk_id: str, *, at: datetime, **more: Any) -> T:
        """One step of an officer with the ticket at the desk."""
        return await self.runs(step, desk_id, at=at, **more)

    async def acts(self, step: Callable[..., Awaitable[T]], id: str, *, at: datetime, **more: Any) -> T:
        """One step of the office with a ticket or a service."""
        return await self.runs(step, id, at=at, **more)

    async def learns(self, event: EntryChanged, sequence: int = 1) -> None:
        """As if the registry had told it."""
        told = envelope(event, at=MORNING, sequence=sequence)
        await self.does(lambda uow: when_register_changed_keep_entry(event, told, uow=uow, at=MORNING))

    @property
    def queries(self) -> UnitOfWork:
        return UnitOfWork(IdentityMap(self.storage, {}), self.context(), source="/gerai/queue")

    async def sees(self, ticket_id: str) -> Ticket:
        return await self.queries.get(Ticket, ticket_id)


def said(rows: list[OutboxRow], type: str) -> list[Mapping[str, Any]]:
    """The bodies of one type of event, oldest first."""
    return [json.loads(row.body) for row in rows if row.type == type]
