"""What the hall's displays show, live, on every replica.

The source is the outbox itself, through a change stream: a call reaches the displays also when Kafka is away.
Every process keeps the latest events of each site in memory, filled from the outbox at its start; so a display
that comes back with its last event id goes on where it stopped, whichever replica answers.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from gerai.contracts import queue as told
from gerai.contracts.event import Event
from gerai.messaging.mongo.driver import Database, Document
from gerai.queue.adapters.display_frames import FRAME_OF, DisplayNames, frame

log = structlog.get_logger(__name__)

RING = 1_000
LISTENER_QUEUE = 100
LISTENERS = 1_000
LOOK_BACK = timedelta(minutes=30)
HEARTBEAT_S = 15.0
TYPES = sorted(event.type for event in FRAME_OF)

Frame = tuple[str, bytes]
"""Event id, and the bytes as they go to a display."""


class UnableToListen(Exception):
    """Too many displays on this process."""


class Listener:
    """One display. One that reads too slowly is told to begin again instead of slowing the others."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue(LISTENER_QUEUE)
        self.overrun = False

    def offer(self, data: bytes) -> None:
        try:
            self.frames.put_nowait(data)
        except asyncio.QueueFull:
            self.overrun = True


class DisplayFeed:
    """`run` until cancelled; `listen` for each display."""

    def __init__(self, database: Database, names: DisplayNames) -> None:
        self._database = database
        self._names = names
        self._rings: dict[str, deque[Frame]] = {}
        self._listeners: dict[str, set[Listener]] = {}
        self._known: deque[str] = deque(maxlen=5_000)
        self._known_set: set[str] = set()
        self._filled = asyncio.Event()
        self._closing = False

    async def ready(self) -> None:
        await self._filled.wait()

    async def run(self) -> None:
        token: Mapping[str, Any] | None = None
        while True:
            try:
                token = await self._follow(token)
            except PyMongoError as error:
                log.warning("feed-reconnects", error=type(error).__name__)
                token = None  # what was missed meanwhile is found in the outbox
                await asyncio.sleep(0.5)

    async def _follow(self, token: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Open the stream first and look back then, so that nothing falls between the two."""
        pipeline = [{"$match": {"operationType": "insert", "fullDocument.type": {"$in": TYPES}}}]
        async with self._database.watch("outbox", pipeline, resume_after=token) as stream:
            await self._look_back()
            self._filled.set()
            async for change in stream:
                token = change["_id"]
                self._take(change["fullDocument"])
        return token

    async def _look_back(self) -> None:
        since = datetime.now(UTC) - LOOK_BACK
        wanted = {"created_at": {"$gt": since}, "type": {"$in": TYPES}}
        found = await self._database["outbox"].find(wanted).sort("created_at", -1).limit(RING).to_list(None)
        for document in reversed(found):
            self._take(document)

    def _take(self, document: Document) -> None:
        id = document["_id"]
        if id in self._known_set:
            return
        if len(self._known) == self._known.maxlen:
            self._known_set.discard(self._known[0])
        self._known.append(id)
        self._known_set.add(id)
        kind = Event.of_type(document["type"])
        assert kind is not None
        event = kind.parse(document["body"])
        assert isinstance(event, told.TicketEvent | told.ServiceDayClosed | told.ServiceDayReopened)
        data = frame(id, event, self._names, at=document["at"])
        self._rings.setdefault(event.site_id, deque(maxlen=RING)).append((id, data))
        for listener in self._listeners.get(event.site_id, ()):
            listener.offer(data)

    def since(self, site_id: str, last_event_id: str | None) -> list[bytes] | None:
        """The frames after an event, or None when it is not known (any more): begin with a snapshot then."""
        ring = self._rings.get(site_id, ())
        for position, (id, _) in enumerate(ring):
            if id == last_event_id:
                return [data for _, data in list(ring)[position + 1 :]]
        return None

    def newest_id(self, site_id: str) -> str | None:
        ring = self._rings.get(site_id)
        return ring[-1][0] if ring else None

    def join(self, site_id: str) -> Listener:
        """Raises UnableToListen. The caller leaves with `leave`."""
        if self._closing or sum(len(one) for one in self._listeners.values()) >= LISTENERS:
            raise UnableToListen
        listener = Listener()
        self._listeners.setdefault(site_id, set()).add(listener)
        return listener

    def leave(self, site_id: str, listener: Listener) -> None:
        self._listeners.get(site_id, set()).discard(listener)

    def close(self) -> None:
        """Every stream ends, so that the process can stop; displays come back at another replica."""
        self._closing = True
        for listeners in self._listeners.values():
            for listener in listeners:
                while not listener.frames.empty():
                    listener.frames.get_nowait()
                listener.frames.put_nowait(None)

    async def frames(self, listener: Listener) -> AsyncIterator[bytes]:
        """What comes from now on, with a heartbeat when nothing does. Ends when the display must begin again."""
        while not listener.overrun:
            try:
                data = await asyncio.wait_for(listener.frames.get(), HEARTBEAT_S)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if data is None:
                return
            yield data
