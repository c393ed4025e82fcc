"""The office stops or resumes giving numbers for a service, today."""

from datetime import datetime

from pydantic import BaseModel

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.opening import Availability
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.use_cases.ports import Catalogue


class ServiceDayView(BaseModel):
    """Whether a service gives numbers now, and why not."""

    service_id: str
    counter_id: str
    local_day: str
    issued: int
    availability: Availability


async def close_service(
    service_id: str, reason: str | None, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> ServiceDayView:
    day = await _service_day(service_id, uow=uow, catalogue=catalogue, at=at)
    day.close(actor=uow.context.actor, reason=reason, at=at)
    return _view(day, uow, catalogue, at)


async def reopen_service(
    service_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> ServiceDayView:
    day = await _service_day(service_id, uow=uow, catalogue=catalogue, at=at)
    day.reopen(actor=uow.context.actor, at=at)
    return _view(day, uow, catalogue, at)


async def look_at_services(
    site_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime
) -> list[ServiceDayView]:
    """Every service of a site with the answer that a visitor would get now."""
    views = []
    for offering in catalogue.offerings_of_site(site_id, uow.context.tenant):
        day = await uow.find(ServiceDay, ServiceDay.id_of(offering.service.id, offering.local_day(at)))
        views.append(_view(day or ServiceDay.of(offering, offering.local_day(at)), uow, catalogue, at))
    return views


async def _service_day(service_id: str, *, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> ServiceDay:
    offering = catalogue.offering(service_id, uow.context.tenant)
    day = offering.local_day(at)
    found = await uow.find(ServiceDay, ServiceDay.id_of(service_id, day))
    if found is None:
        found = ServiceDay.of(offering, day)
        uow.add(found)
    return found


def _view(day: ServiceDay, uow: UnitOfWork, catalogue: Catalogue, at: datetime) -> ServiceDayView:
    offering = catalogue.offering(day.service_id, uow.context.tenant)
    return ServiceDayView(
        service_id=day.service_id,
        counter_id=day.counter_id,
        local_day=day.local_day,
        issued=day.issued,
        availability=day.availability(offering, at=at),
    )
