"""The hall's displays: a board to begin with, and a live feed that can be resumed on any replica."""

from collections import defaultdict
from collections.abc import Callable
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gerai.chassis import CallerOf, QueriesOf, Routes
from gerai.chassis.event_stream import EventStream, LastEventId
from gerai.chassis.stream_places import Viewer
from gerai.chassis.stream_tickets import StreamTicket, TicketsOf
from gerai.messaging.refusal import UnableToFind
from gerai.queue.adapters.display_feed import DisplayFeed
from gerai.queue.adapters.shared_reading import SharedReading
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.entrypoints.frames import FRAMES
from gerai.queue.entrypoints.permissions import SHOW
from gerai.queue.entrypoints.sites import SiteId
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.show_board import show_board
from gerai.queue.use_cases.views import Board

Zone = Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,40}$", description="Only the calls of one zone.")]


def routes(catalogue: Callable[[], Catalogue], lines: Lines, feed: DisplayFeed) -> Routes:
    """Under /v1/sites/{site_id}/display."""
    displays = Routes(tag="displays", prefix="/v1/sites/{site_id}/display")
    _add_board(displays, catalogue, lines)
    _add_tickets(displays, catalogue)
    _add_feed(displays, catalogue, lines, feed)
    return displays


def _add_board(displays: Routes, catalogue: Callable[[], Catalogue], lines: Lines) -> None:
    @displays.get(
        "",
        permission=SHOW,
        summary="Show what hangs on a site's board now",
        operation_id="showBoard",
        refuses=(UnableToFind,),
    )
    async def look(site_id: SiteId, queries: QueriesOf) -> Board:
        return await show_board(
            site_id, uow=queries.uow, lines=lines, at=queries.now(), catalogue=catalogue()
        )


def _add_tickets(displays: Routes, catalogue: Callable[[], Catalogue]) -> None:
    @displays.post(
        "/stream-tickets",
        permission=SHOW,
        summary="Give a ticket with which a browser opens the feed",
        operation_id="giveDisplayTicket",
        status_code=201,
        response_model=StreamTicket,
        refuses=(UnableToFind,),
    )
    async def give_ticket(site_id: SiteId, caller: CallerOf, give: TicketsOf) -> Response:
        """A browser's EventSource cannot send a token: it opens `…/display/feed?ticket=…` within a minute, once, at any
        replica. Ask for a new one whenever the stream has to be opened again, and tell where to go on with
        `last_event_id`."""
        site = catalogue().site(site_id, tenant=caller.tenant)
        return give(f"/v1/sites/{site.id}/display/feed")


def _add_feed(displays: Routes, catalogue: Callable[[], Catalogue], lines: Lines, feed: DisplayFeed) -> None:
    boards: defaultdict[tuple[str, str], SharedReading[str]] = defaultdict(SharedReading)

    @displays.get(
        "/feed",
        permission=SHOW,
        takes_ticket=True,
        summary="Follow what is called at a site",
        operation_id="followDisplay",
        response_model=None,
        response_class=EventStream,
        responses={200: FRAMES},
        refuses=(UnableToFind,),
    )
    async def listen(
        site_id: SiteId,
        caller: CallerOf,
        queries: QueriesOf,
        zone: Zone = None,
        last_event_id: LastEventId = None,
    ) -> Response:
        """Server-sent events: `called`, `serving`, `left`, `service_closed`, `service_reopened`; a `snapshot` first
        where there is nothing to resume from. An event may come twice after a break: its id tells. The stream ends when
        the token expires. A process keeps only so many streams of one token's subject and of one regency open; more
        are refused with 429."""
        site = catalogue().site(site_id, tenant=caller.tenant)
        viewer = Viewer(tenant=site.tenant, subject=caller.subject)
        listener = feed.join(site.id, zone, viewer)

        async def read() -> str:
            board = await show_board(
                site_id, uow=queries.uow, lines=lines, at=queries.now(), catalogue=catalogue()
            )
            return board.model_dump_json()

        async def board() -> str:
            return await boards[site.tenant, site.id].get(read)

        return EventStream(
            listener,
            seconds=caller.seconds_left(),
            snapshot=board,
            part=lambda: feed.part(site.id, listener, viewer),
            last_id=last_event_id,
        )
