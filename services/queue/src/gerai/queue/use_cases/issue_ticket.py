"""A visitor takes a number."""

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

import uuid_utils.compat as uuids
from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.text import Slug
from gerai.messaging.command import command
from gerai.messaging.group_commit import NOTHING, Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.end_of_day import next_look_at
from gerai.queue.domain.link import link_of
from gerai.queue.domain.moment_in_words import moment_in_words
from gerai.queue.domain.opening import Code, Opening
from gerai.queue.domain.priority import PriorityReason, priority_class_for
from gerai.queue.domain.service_day import ServiceDay, service_day_id
from gerai.queue.domain.ticket import Ticket
from gerai.queue.domain.ticket_refusals import UnableToIssueTicket
from gerai.queue.use_cases.show_availability import days_of
from gerai.queue.use_cases.views import IssuedTicket
from gerai.register.entries import Service

END_OF_DAY = "end-of-day"
SECRET_BYTES = 16


class IssueTicket(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"service_id": "dpmptsp-nib", "priority_reason": "elderly"}]},
    )

    service_id: Slug
    priority_reason: PriorityReason | None = None
    """Gives the priority class; the reason itself is neither kept nor told."""
    party_id: str | None = Field(
        default=None,
        pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        examples=["9d6a3f7e-52c4-4e0b-8f43-7b1a20c5e9d8"],
    )
    """Who is to be told, as the notification service knows them: a UUID, so that no number of a person or a telephone
    fits. It travels in events."""


def what_issuing_needs(
    wanted: IssueTicket, *, catalogue: Catalogue, tenant: str | None, at: datetime
) -> Needs:
    service = catalogue.service(wanted.service_id, tenant=tenant)
    if not catalogue.knows_site(service.site_id):
        return NOTHING
    day = catalogue.local_day(service.site_id, at)
    return Needs(aggregates=((ServiceDay, service_day_id(service.id, day)),))


@command(needs=what_issuing_needs)
async def issue_ticket(
    uow: UnitOfWork, at: datetime, wanted: IssueTicket, *, catalogue: Catalogue
) -> IssuedTicket:
    service = catalogue.service(wanted.service_id, tenant=uow.context.tenant)
    if not catalogue.knows_site(service.site_id):  # and so it has no day yet
        raise UnableToIssueTicket("service_closed", field="service_id")
    local_day = catalogue.local_day(service.site_id, at)
    day = await uow.find(ServiceDay, service_day_id(service.id, local_day))
    # the others' numbers matter to its first one alone
    today = await uow.select(days_of(service.site_id, local_day)) if day is None or not day.prefix else ()
    opening = catalogue.opening_of(service, day, today, at=at)
    if opening.code is not Code.AVAILABLE:
        raise _refusal(opening, service, at=at, zone=catalogue.zone_of(service.site_id))
    if day is None:
        day = ServiceDay.of(service, local_day)
        uow.add(day)
    n = day.next_number(prefix=service.prefix)
    if n == 1:
        _end_the_day_in_time(service, local_day, uow, catalogue, at=at)
    id, secret = str(uuids.uuid7()), secrets.token_urlsafe(SECRET_BYTES)
    ticket = Ticket.issue(
        id=id,
        tenant=service.tenant,
        site_id=service.site_id,
        counter_id=service.counter_id,
        service_id=service.id,
        number=day.number,
        n=n,
        local_day=local_day,
        secret=secret,
        at=at,
        actor=uow.context.actor,
        priority_class=priority_class_for(wanted.priority_reason),
        party_id=wanted.party_id,
    )
    uow.add(ticket)
    return IssuedTicket.with_link(ticket, link_of(id, secret))


def _refusal(opening: Opening, service: Service, *, at: datetime, zone: ZoneInfo) -> UnableToIssueTicket:
    return UnableToIssueTicket(
        opening.code.value,
        field="service_id",
        why=opening.why,
        opens=opening.opens,
        opens_at=moment_in_words(opening.opens_at, at=at, zone=zone),
        until=opening.until,
        quota=service.daily_quota or 0,
    )


def _end_the_day_in_time(
    service: Service, local_day: str, uow: UnitOfWork, catalogue: Catalogue, *, at: datetime
) -> None:
    """With the first number of each service, so that no other aggregate has to be asked; setting it again only
    moves it."""
    uow.schedule(
        END_OF_DAY,
        f"{service.site_id}:{local_day}",
        due=next_look_at(catalogue, service.site_id, local_day, at=at),
        tenant=service.tenant,
        payload={"site_id": service.site_id, "local_day": local_day},
    )
