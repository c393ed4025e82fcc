"""The office stops giving tickets for a service today, or gives them again."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.use_cases.show_availability import days_of, view_of
from gerai.queue.use_cases.views import ServiceDayView
from gerai.register.entries import Service


async def close_service(
    uow: UnitOfWork, at: datetime, service_id: str, *, reason: str | None, catalogue: Catalogue
) -> ServiceDayView:
    service = catalogue.service(service_id, tenant=uow.context.tenant)
    day = await _today(service, uow, at, catalogue)
    day.close(at=at, actor=uow.context.actor, reason=reason)
    today = await uow.select(days_of(service.site_id, day.local_day))
    return view_of(service, day, today, catalogue, at)


async def reopen_service(
    uow: UnitOfWork, at: datetime, service_id: str, *, catalogue: Catalogue
) -> ServiceDayView:
    service = catalogue.service(service_id, tenant=uow.context.tenant)
    day = await _today(service, uow, at, catalogue)
    day.reopen(at=at, actor=uow.context.actor)
    today = await uow.select(days_of(service.site_id, day.local_day))
    return view_of(service, day, today, catalogue, at)


async def _today(service: Service, uow: UnitOfWork, at: datetime, catalogue: Catalogue) -> ServiceDay:
    return await uow.find_or_add(ServiceDay.of(service, catalogue.local_day(service.site_id, at)))
