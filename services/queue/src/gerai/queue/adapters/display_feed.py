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

from gerai.contracts.event import Event
from gerai.messaging.mongo.driver import LONGEST_COMMIT, Database, Document
from gerai.queue.adapters.display_places import Limits, Places, Viewer
from gerai.queue.adapters.ring import Frame, Ring, chosen
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
HEARTBEAT_S = 15.0
POLL_S = 0.25
POLLS = 20
STUCK_S = 120.0
PACE_S = 0.02
"""Displays are woken no more often: two hundred of them at every event would keep a core busy with nothing else."""


class UnableToListen(Exception):
    """The process is about to stop; another one takes the display."""


class Listener:
    """One display's place in its site's ring. Nothing is kept for it but that place."""

    def __init__(self, ring: Ring, zone: str | None) -> None:
        self._ring = ring
        self._zone = zone
        self.place = ring.end
        self._woken: asyncio.Future[None] | None = None
        self.gone = False

    async def wait(self) -> None:
        """Until there is something new, or a heartbeat is due, or the display is gone."""
        if self.gone or self.place < self._ring.end:
            return
        self._woken = asyncio.get_running_loop().create_future()
        await self._woken

    def wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def leave(self) -> None:
        self.gone = True
        self.wake()

    def take(self) -> bytes | None:
        """All that came since the last time; None when it read too slowly and some of it is gone."""
        taken = self._ring.bytes_after(self.place, self._zone)
        if taken is not None:
            self.place = self._ring.end
        return taken

    def catch_up(self, last_id: str) -> bytes | None:
        """What came after an event; None when it is not known (any more)."""
        frames = self._ring.resume(last_id)
        return chosen(frames, self._zone) if frames is not None else None

    def skip(self) -> str | None:
        """Go on from now; the id of the newest frame."""
        self.place = self._ring.end
        return self._ring.newest_id


class Audience:
    """The displays of one site, and what they hear."""

    def __init__(self) -> None:
        self.ring = Ring(RING)
        self.listeners: set[Listener] = set()
        self._due: asyncio.Handle | None = None

    def hear(self, frame: Frame) -> None:
        """Wakes the displays; what comes with one batch of the stream reaches them together."""
        self.ring.add(frame)
        if self._due is None and self.listeners:
            self._due = asyncio.get_running_loop().call_soon(self.wake)

    def wake(self) -> None:
        self._due = None
        for listener in self.listeners:
            listener.wake()


class DisplayFeed:
    """`run` until cancelled; `join` for each display."""

    def __init__(self, database: Database, catalogue: Callable[[], Catalogue], limits: Limits) -> None:
        self._database = database
        self._places = Places(limits)
        self._catalogue = catalogue
        self._audiences: dict[tuple[str, str], Audience] = {}
        """By regency and site."""
        self._known: OrderedDict[str, None] = OrderedDict()
        self._filled = asyncio.Event()
        self._read_at: datetime | None = None
        self._place: Document | None = None
        """Behind the last change that was taken from a stream. It leads to what was committed since; a look at the
        times of rows would miss what was made long before it could be committed."""
        self._turned = time.monotonic()
        self._closing = False

    async def ready(self) -> None:
        await self._filled.wait()

    def progress(self) -> Mapping[str, str]:
        """Liveness: it reads, or asks in vain. Panels of a process that does neither would hang without a word."""
        silent = time.monotonic() - self._turned
        return {"display-feed": f"has not read for {silent:.0f} s"} if silent > STUCK_S else {}

    def close(self) -> None:
        """The process stops: displays go to another replica, with the id of what they saw last."""
        self._closing = True
        for audience in self._audiences.values():
            for listener in tuple(audience.listeners):
                listener.leave()

    def join(self, site_id: str, zone: str | None, viewer: Viewer) -> Listener:
        """Raises UnableToListen, NoPlace. Whoever joins leaves with `part`."""
        if self._closing:
            raise UnableToListen
        self._places.take(viewer)
        audience = self._audience(viewer.tenant, site_id)
        listener = Listener(audience.ring, zone)
        audience.listeners.add(listener)
        return listener

    def part(self, site_id: str, listener: Listener, viewer: Viewer) -> None:
        self._audience(viewer.tenant, site_id).listeners.discard(listener)
        self._places.give_back(viewer)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._beat(), name="display heartbeat")
            parts.create_task(self._read(), name="display reading")

    async def _beat(self) -> None:
        """Wake everybody now and then, so that a broken connection is noticed."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for audience in self._audiences.values():
                audience.wake()

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
        for audience in self._audiences.values():
            audience.ring.empty()
            audience.wake()

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
        self._audience(document["tenant"], site_id).hear(
            Frame(id, change.zone, data, document["created_at"], read_back)
        )

    def _remember(self, id: str) -> None:
        self._known[id] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)

    def _audience(self, tenant: str, site_id: str) -> Audience:
        found = self._audiences.get((tenant, site_id))
        if found is None:
            found = self._audiences[tenant, site_id] = Audience()
        return found


def _shown_by(document: Document, catalogue: Catalogue) -> tuple[str, Shown] | None:
    kind = Event.of_type(document["type"])
    if kind is None:
        return None
    return shown(kind.parse(document["body"]), catalogue, at=document["at"])


def frame_of(change: Shown, *, id: str) -> bytes:
    """One change as bytes of a `text/event-stream`, made once for all listeners."""
    return as_frame(change.kind.value, change.model_dump_json(exclude_none=True), id=id)


def as_frame(kind: str, data: str, *, id: str | None) -> bytes:
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {kind}\ndata: {data}\n\n".encode()
