"""Which services of a site give numbers now."""

from datetime import datetime

from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.service_day import ServiceDay
from gerai.queue.use_cases.views import ServiceDayView
from gerai.register.entries import Service

LARGEST_SITE = 2_000


async def show_availability(
    site_id: str, *, uow: UnitOfWork, at: datetime, catalogue: Catalogue
) -> list[ServiceDayView]:
    site = catalogue.site(site_id, tenant=uow.context.tenant)
    local_day = catalogue.local_day(site.id, at)
    today = await uow.select(days_of(site.id, local_day))
    days = {day.service_id: day for day in today}
    return [
        view_of(service, days.get(service.id) or ServiceDay.of(service, local_day), today, catalogue, at)
        for service in catalogue.services_at(site.id)
    ]


def days_of(site_id: str, local_day: str) -> Selection[ServiceDay]:
    """Of all services of a site that have given a number on a day, or were closed."""
    return Selection(kind=ServiceDay, where={"site_id": site_id, "local_day": local_day}, limit=LARGEST_SITE)


def view_of(
    service: Service, day: ServiceDay, today: list[ServiceDay], catalogue: Catalogue, at: datetime
) -> ServiceDayView:
    return ServiceDayView.of(
        day,
        catalogue.opening_of(service, day, today, at=at),
        name=service.name,
        counter=catalogue.counter_name(service.counter_id),
        quota=service.daily_quota,
    )
