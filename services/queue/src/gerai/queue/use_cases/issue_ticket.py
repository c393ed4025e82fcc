"""Give a visitor a number."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

import uuid_utils.compat as uuids

from gerai.contracts.queue import PriorityClass
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.service_day import ServiceDay, day_ends, number_text
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.ports import Catalogue
from gerai.queue.use_cases.views import IssuedView

END_OF_DAY = "end-of-day"


@dataclass(frozen=True, kw_only=True)
class IssueTicket:
    """`ticket_id` and `link` are drawn once, so that a second run makes the same ticket."""

    service_id: str
    priority_reason: str | None = None
    party_id: str | None = None
    ticket_id: str = field(default_factory=lambda: str(uuids.uuid7()))
    link: str = field(default_factory=lambda: secrets.token_urlsafe(18))


def needs_of(command: IssueTicket, *, catalogue: Catalogue, tenant: str | None, at: datetime) -> Needs:
    offering = catalogue.offering(command.service_id, tenant)
    return Needs(aggregates=[(ServiceDay, ServiceDay.id_of(command.service_id, offering.local_day(at)))])


async def issue_ticket(
    command: IssueTicket, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> IssuedView:
    """Raises UnableToFind, or UnableToIssueTicket with the code of the first check that fails."""
    offering = catalogue.offering(command.service_id, uow.context.tenant)
    rules = catalogue.rules(offering.site.id)
    day = offering.local_day(at)
    service_day = await uow.find(ServiceDay, ServiceDay.id_of(command.service_id, day))
    if service_day is None:
        service_day = ServiceDay.of(offering, day)
        uow.add(service_day)
    n = service_day.issue_number(offering, rules, at=at)
    priority = command.priority_reason is not None
    ticket = Ticket.issue(
        id=command.ticket_id,
        link=command.link,
        offering=offering,
        number=number_text(offering.service.prefix, n),
        n=n,
        local_day=day.isoformat(),
        priority_class=PriorityClass.PRIORITY if priority else PriorityClass.REGULAR,
        priority_reason=command.priority_reason,
        party_id=command.party_id,
        actor=uow.context.actor,
        at=at,
    )
    uow.add(ticket)
    if n == 1:
        key = f"{offering.site.id}:{day.isoformat()}"
        uow.schedule(END_OF_DAY, key, due=day_ends(offering, rules, at=at), tenant=offering.tenant)
    return IssuedView.of(ticket)
