"""The example service: counts tickets per hour, answers over HTTP, and says each new count itself."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from gerai.chassis import Components, Page, Permission, QueriesOf, Routes, Service, ServiceContext, Settings
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HOURS, HourCounted
from gerai.contracts.queue import TicketIssued
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.consumer import Subscription
from gerai.messaging.retention import Rule
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Index
from gerai.messaging.unit_of_work import UnitOfWork

NEWEST = Index(collection="hours", keys=(("tenant", 1), ("hour", -1)))
PAST = Index(collection="hours", keys=(("hour", 1),))
KEPT = Rule(kind="hours", collection="hours", since="hour", setting="keep_hours_days")
LOOK = Permission.to("hours.look", "officer", "supervisor", "operator")
routes = Routes(tag="hours")


class HourlySettings(Settings):
    keep_hours_days: int = Field(default=1_100, ge=1, le=36_500)
    """After the hour; three years, so that a year can be held against the two before."""


class HourTally(Aggregate):
    collection: ClassVar[str] = "hours"

    hour: datetime
    tickets: int = 0

    def count(self, *, at: datetime) -> None:
        self.tickets += 1
        self._record(self.told(), at=at)

    def told(self) -> HourCounted:
        return HourCounted(tenant=self.tenant, hour=self.hour, tickets=self.tickets)


async def when_ticket_issued_count(
    event: TicketIssued, envelope: Envelope, *, uow: UnitOfWork, at: datetime
) -> None:
    hour = envelope.time.replace(minute=0, second=0, microsecond=0)
    id = f"{event.tenant}:{hour:%Y-%m-%dT%H}"
    tally = await uow.find_or_add(HourTally(id=id, tenant=event.tenant, hour=hour))
    tally.count(at=at)


@routes.get("/v1/hours", permission=LOOK, summary="Show the tickets of each hour", operation_id="showHours")
async def hours(queries: QueriesOf) -> Page[HourCounted]:
    newest = Selection(kind=HourTally, where={}, order=(("hour", -1),), limit=24)
    return Page(items=tuple(tally.told() for tally in await queries.uow.select(newest)))


def assemble(service_context: ServiceContext) -> Components:
    counting = Subscription(group="hourly.count", handlers={TicketIssued: when_ticket_issued_count})
    return Components(routes=[routes], subscriptions=[counting])


service = Service(
    name="hourly",
    title="Gerai: hourly",
    assemble=assemble,
    settings=HourlySettings,
    topics=[HOURS],
    indexes=[NEWEST, PAST],
    retention=[KEPT],
)
