"""The composition root: the one place where the queue's rooms are built and joined."""

from datetime import datetime

from gerai.chassis import Background, Components, Role, Service, ServiceContext
from gerai.chassis.stream_places import Limits
from gerai.contracts.queue import SERVICE_DAYS, TICKETS
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.adapters import retention
from gerai.queue.adapters.display_feed import DisplayFeed
from gerai.queue.adapters.indexes import INDEXES
from gerai.queue.adapters.lines import CachedLines
from gerai.queue.adapters.links import LinkSealing
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import SiteRules
from gerai.queue.entrypoints import desks, displays, events, sites, tickets, visits
from gerai.queue.settings import QueueSettings
from gerai.queue.use_cases.issue_ticket import END_OF_DAY
from gerai.queue.use_cases.when_day_ended_expire_tickets import when_day_ended_expire_tickets
from gerai.register.replica import RegisterReplica


def assemble(service_context: ServiceContext) -> Components:
    replica = RegisterReplica(service_context.storage, Catalogue, beside=SiteRules)
    lines = CachedLines(service_context.storage)

    def catalogue() -> Catalogue:
        return replica.current

    async def end_day(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
        await when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=catalogue())

    settings: QueueSettings = service_context.settings
    limits = Limits(
        all=settings.display_streams,
        of_regency=settings.display_streams_of_regency,
        of_caller=settings.display_streams_of_caller,
    )
    feed = DisplayFeed(service_context.database, catalogue, limits)
    service_context.health.at_stop(feed.close)
    api = frozenset({Role.API})
    return Components(
        routes=[
            tickets.routes(catalogue),
            visits.routes(catalogue, lines),
            desks.routes(catalogue, lines),
            displays.routes(catalogue, lines, feed),
            sites.routes(catalogue),
        ],
        subscriptions=events.subscriptions(),
        timers={END_OF_DAY: end_day},
        repairs=[LinkSealing(service_context.database).step],
        background=[
            Background(name="register", run=replica.run, progress=replica.progress, ready=replica.ready),
            Background(
                name="display-feed", run=feed.run, progress=feed.progress, ready=feed.ready, roles=api
            ),
        ],
    )


service = Service(
    name="queue",
    title="Gerai: queue",
    assemble=assemble,
    settings=QueueSettings,
    topics=(TICKETS, SERVICE_DAYS),
    indexes=INDEXES,
    retention=retention.RULES,
)
