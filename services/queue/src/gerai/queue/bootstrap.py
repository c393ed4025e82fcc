"""The composition root: the one place where the queue's rooms are built and joined."""

from gerai.chassis import Background, House, Role, Rooms, Service
from gerai.contracts.queue import SERVICE_DAYS, TICKETS
from gerai.queue.adapters.board import Board
from gerai.queue.adapters.catalogue import Register, RegisterRefresh
from gerai.queue.adapters.display_feed import DisplayFeed
from gerai.queue.adapters.indexes import INDEXES
from gerai.queue.adapters.visits import Visits
from gerai.queue.entrypoints import desks, displays, events, sites, tickets, visits
from gerai.queue.settings import QueueSettings
from gerai.queue.use_cases.issue_ticket import END_OF_DAY
from gerai.queue.use_cases.when_day_ends_expire import EndOfDay


def assemble(house: House) -> Rooms:
    register = Register()
    refresh = RegisterRefresh(register, house.database)
    feed = DisplayFeed(house.database, register)
    house.health.at_stop(feed.close)
    return Rooms(
        routes=[
            tickets.routes(house, register),
            visits.routes(house, Visits(house.database), register),
            desks.routes(house, register),
            displays.routes(house, register, Board(house.database, register), feed),
            sites.routes(house, register),
        ],
        subscriptions=events.subscriptions(),
        timers={END_OF_DAY: EndOfDay(register)},
        background=[
            Background(name="register", run=refresh.run, ready=refresh.ready),
            Background(name="display-feed", run=feed.run, ready=feed.ready, roles=frozenset({Role.API})),
        ],
    )


service = Service(
    name="queue",
    title="Gerai: queue",
    assemble=assemble,
    settings=QueueSettings,
    topics=[TICKETS, SERVICE_DAYS],
    indexes=INDEXES,
)
