"""The example service: counts tickets per hour, answers over HTTP, and says each new count itself."""

from datetime import datetime
from typing import ClassVar

from gerai.chassis import House, Page, Permission, QueriesOf, Rooms, Routes, Service
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HOURS, HourCounted
from gerai.contracts.queue import TicketIssued
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.consumer import Subscription
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork

LOOK = Permission.to("hours.look", "officer", "supervisor", "operator")


class HourTally(Aggregate):
    collection: ClassVar[str] = "hours"

    hour: datetime
    tickets: int = 0

    def count(self, *, at: datetime) -> None:
        self.tickets += 1
        self._record(HourCounted(tenant=self.tenant, hour=self.hour, tickets=self.tickets), at=at)


async def when_ticket_issued_count(
    event: TicketIssued, envelope: Envelope, *, uow: UnitOfWork, at: datetime
) -> None:
    hour = envelope.time.replace(minute=0, second=0, microsecond=0)
    id = f"{event.tenant}:{hour:%Y-%m-%dT%H}"
    tally = await uow.find(HourTally, id)
    if tally is None:
        tally = HourTally(id=id, tenant=event.tenant, hour=hour)
        uow.add(tally)
    tally.count(at=at)


def hours() -> Routes:
    routes = Routes(tag="hours")

    @routes.get("/v1/hours", permission=LOOK)
    async def list_hours(queries: QueriesOf) -> Page[HourTally]:
        newest = Selection(kind=HourTally, where={"tickets": {"$gt": 0}}, order=(("id", -1),), limit=24)
        return Page(items=tuple(await queries.uow.select(newest)))

    return routes


def assemble(house: House) -> Rooms:
    counting = Subscription(group="hourly.count", handlers={TicketIssued: when_ticket_issued_count})
    return Rooms(routes=[hours()], subscriptions=[counting])


service = Service(name="hourly", title="Gerai: tickets per hour", assemble=assemble, topics=[HOURS])
