"""The hall's displays: a board to begin with, and a live feed that can be resumed on any replica."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from gerai.chassis import CallerOf, House, Routes
from gerai.chassis.problems import Problem
from gerai.queue.adapters.board import Board
from gerai.queue.adapters.display_feed import DisplayFeed, Listener, UnableToListen
from gerai.queue.adapters.display_frames import snapshot_frame
from gerai.queue.entrypoints.permissions import SHOW
from gerai.queue.entrypoints.sites import SiteId
from gerai.queue.use_cases.ports import Catalogue

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=64)]


class BoardView(BaseModel):
    """What hangs on the board: called tickets, the latest first, and how many wait at each counter."""

    called: list[dict[str, Any]]
    waiting: dict[str, int]
    as_of: datetime


def routes(house: House, catalogue: Catalogue, board: Board, feed: DisplayFeed) -> Routes:
    """Under /v1/sites/{site_id}/display."""
    displays = Routes(tag="displays", prefix="/v1/sites/{site_id}/display")

    @displays.get("", permission=SHOW)
    async def look(site_id: SiteId, caller: CallerOf) -> BoardView:
        catalogue.offerings_of_site(site_id, caller.tenant)
        return BoardView(
            called=await board.called(site_id), waiting=await board.waiting(site_id), as_of=datetime.now(UTC)
        )

    @displays.get("/feed", permission=SHOW, response_class=StreamingResponse, response_model=None)
    async def listen(site_id: SiteId, caller: CallerOf, last_event_id: LastEventId = None) -> Response:
        """Server-sent events: `called`, `serving`, `left`, `service_closed`, `service_reopened`; `snapshot` first
        when there is nothing to resume from."""
        catalogue.offerings_of_site(site_id, caller.tenant)
        try:
            listener = feed.join(site_id)
        except UnableToListen:
            raise Problem(503, "busy", headers={"Retry-After": "2"}) from None
        try:
            missed = feed.since(site_id, last_event_id)
            if missed is None:
                missed = [snapshot_frame(await board.called(site_id), id=feed.newest_id(site_id))]
        except BaseException:
            feed.leave(site_id, listener)
            raise
        return StreamingResponse(
            _stream(site_id, listener, missed, feed),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    return displays


async def _stream(
    site_id: str, listener: Listener, missed: list[bytes], feed: DisplayFeed
) -> AsyncIterator[bytes]:
    try:
        yield b"retry: 1000\n\n" + b"".join(missed)
        async for data in feed.frames(listener):
            yield data
    finally:
        feed.leave(site_id, listener)
