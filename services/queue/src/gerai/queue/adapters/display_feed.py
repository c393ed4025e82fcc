"""What the hall's displays show, live, on every replica.

The source is the outbox itself, through a change stream: a call reaches the displays also when Kafka is away.
Every process keeps the latest frames of each site, filled from the outbox at its start; so a display that
comes back with its last event id goes on where it stopped, whichever replica answers.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from pymongo.errors import OperationFailure, PyMongoError

from gerai.chassis.audience import Audiences, Listener
from gerai.chassis.ring import Frame, as_frame
from gerai.chassis.stream_places import Limits, Viewer
from gerai.contracts.event import Event
from gerai.messaging.mongo.driver import LONGEST_COMMIT, Database, Document
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.display import TYPES, Shown, shown

log = structlog.get_logger(__name__)

RING = 1_000
KNOWN = 20_000
LOOK_BACK = timedelta(minutes=30)
CATCH_UP = timedelta(seconds=90)
"""So long may a break last before the displays begin again: nobody is to be called who was called minutes ago."""
ONLY_ENDED = frozenset({43, 237})
"""CursorNotFound, CursorKilled: the server ended the stream, and knows its place."""
ROWS = 2_000
"""Many more than a hall calls in `CATCH_UP`; who missed more begins again."""
POLL_S = 0.25
POLLS = 20
STUCK_S = 120.0
PACE_S = 0.02
"""Displays are woken no more often: two hundred of them at every event would keep a core busy with nothing else."""


class DisplayFeed:
    """`run` until cancelled; `join` for each display."""

    def __init__(self, database: Database, catalogue: Callable[[], Catalogue], limits: Limits) -> None:
        self._database = database
        self._catalogue = catalogue
        self._audiences = Audiences("display", limits, size=RING)
        """By regency and site."""
        self._known: OrderedDict[str, None] = OrderedDict()
        self._filled = asyncio.Event()
        self._read_at: datetime | None = None
        self._place: Document | None = None
        """Behind the last change that was taken from a stream. It leads to what was committed since; a look at the
        times of rows would miss what was made long before it could be committed."""
        self._turned = time.monotonic()

    async def ready(self) -> None:
        await self._filled.wait()

    def progress(self) -> Mapping[str, str]:
        """Liveness: it reads, or asks in vain. Panels of a process that does neither would hang without a word."""
        silent = time.monotonic() - self._turned
        return {"display-feed": f"has not read for {silent:.0f} s"} if silent > STUCK_S else {}

    def close(self) -> None:
        """The process stops."""
        self._audiences.close()

    def join(self, site_id: str, zone: str | None, viewer: Viewer) -> Listener:
        """Raises Problem: see `Audiences.join`. Whoever joins leaves with `part`."""
        return self._audiences.join((viewer.tenant, site_id), viewer, channel=zone)

    def part(self, site_id: str, listener: Listener, viewer: Viewer) -> None:
        self._audiences.part((viewer.tenant, site_id), viewer, listener)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._audiences.run(), name="display heartbeat")
            parts.create_task(self._read(), name="display reading")

    async def _read(self) -> None:
        self._turned = time.monotonic()
        while True:
            try:
                await self._follow()
            except PyMongoError as error:
                log.warning("feed-broken", error=repr(error)[:200])
                if isinstance(error, OperationFailure) and error.code not in ONLY_ENDED:
                    self._place = None  # the server may not know it any more
            await self._poll()

    async def _follow(self) -> None:
        """Open the stream where the last one ended and look back then, so that nothing falls between the two."""
        if self._was_away_for_long(datetime.now(UTC)):
            self._place = None
        goes_on = self._place is not None
        pipeline = [{"$match": {"operationType": "insert", "fullDocument.type": {"$in": list(TYPES)}}}]
        opened = self._database.watch("outbox", pipeline, pace_s=PACE_S, after=self._place)
        async with opened as stream:
            await self._look_back()
            if goes_on and self._place is None:
                return  # the displays begin again; this stream would tell what is old by now
            async for changes in stream:
                for change in changes.documents:
                    self._take(change["fullDocument"], read_back=False)
                self._place = changes.place
                self._read_at = datetime.now(UTC)
                self._turned = time.monotonic()

    async def _poll(self) -> None:
        """While there is no stream the outbox itself is asked, again and again."""
        for _ in range(POLLS):
            self._turned = time.monotonic()
            try:
                await self._look_back()
            except PyMongoError as error:
                log.warning("feed-waits", error=type(error).__name__)
            await asyncio.sleep(POLL_S)

    async def _look_back(self) -> None:
        """Take what came since the last time that a reading succeeded."""
        begun = datetime.now(UTC)
        too_long = self._was_away_for_long(begun)
        if self._read_at is None:
            since = begun - LOOK_BACK
        else:
            since = (begun if too_long else self._read_at) - LONGEST_COMMIT
        outbox = self._database["outbox"]
        newest_first = [("created_at", -1), ("position", -1)]
        wanted = {"created_at": {"$gt": since}, "type": {"$in": list(TYPES)}}
        fields = {"_id": 1, "created_at": 1}
        there = await outbox.find(wanted, fields).sort(newest_first).limit(KNOWN).to_list(None)
        if too_long:  # what is older is on the snapshot, and must not be called again by a later look
            for row in there:
                if row["created_at"] <= begun - CATCH_UP:
                    self._remember(row["_id"])
        new = [row["_id"] for row in there if row["_id"] not in self._known]
        found = await outbox.find({"_id": {"$in": new[:ROWS]}}).sort(newest_first).to_list(None)
        if too_long or (len(new) > ROWS and self._read_at is not None):
            self._begin_again()
        for id in reversed(new[ROWS:]):
            self._remember(id)
        for document in reversed(found):
            self._take(document, read_back=True)
        self._read_at = begun
        self._filled.set()

    def _was_away_for_long(self, now: datetime) -> bool:
        return self._read_at is not None and now - self._read_at > CATCH_UP

    def _begin_again(self) -> None:
        """There may be a hole, if only because the stream was quiet for long before it broke: what is kept from
        before leads nobody over it any more."""
        log.warning("feed-begins-again")
        self._place = None
        self._audiences.begin_again()

    def _take(self, document: Document, *, read_back: bool) -> None:
        id: str = document["_id"]
        if id in self._known:
            return
        self._remember(id)
        try:
            place = _shown_by(document, self._catalogue())
        except (KeyError, ValueError) as error:
            # one row that this version can't read must not end the feed for all
            log.error("row-unreadable", row=id, error=type(error).__name__)
            return
        if place is None:
            return
        site_id, change = place
        data = frame_of(change, id=id)
        frame = Frame(id, change.zone, data, document["created_at"], read_back)
        self._audiences.hear((document["tenant"], site_id), frame)

    def _remember(self, id: str) -> None:
        self._known[id] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)


def _shown_by(document: Document, catalogue: Catalogue) -> tuple[str, Shown] | None:
    kind = Event.of_type(document["type"])
    if kind is None:
        return None
    return shown(kind.parse(document["body"]), catalogue, at=document["at"])


def frame_of(change: Shown, *, id: str) -> bytes:
    """One change as bytes of a `text/event-stream`, made once for all listeners."""
    return as_frame(change.kind.value, change.model_dump_json(exclude_none=True), id=id)
