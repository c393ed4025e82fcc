"""Who listens to the event streams of a process: joined within limits, woken together, let go when the process stops."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable

from gerai.chassis.problems import Problem
from gerai.chassis.ring import Frame, Ring, chosen
from gerai.chassis.stream_places import Limits, NoPlace, Places, Viewer

RING = 1_000
HEARTBEAT_S = 15.0
KEPT = 10_000


class Listener:
    """One client's place in a ring. Nothing is kept for it but that place."""

    def __init__(self, ring: Ring, channel: str | None) -> None:
        self._ring = ring
        self._channel = channel
        self.place = ring.end
        self._woken: asyncio.Future[None] | None = None
        self.gone = False

    async def wait(self) -> None:
        """Until there is something new, or a heartbeat is due, or the client is gone."""
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
        taken = self._ring.bytes_after(self.place, self._channel)
        if taken is not None:
            self.place = self._ring.end
        return taken

    def catch_up(self, last_id: str) -> bytes | None:
        """What came after an event; None when it is not known (any more)."""
        frames = self._ring.resume(last_id)
        return chosen(frames, self._channel) if frames is not None else None

    def skip(self) -> str | None:
        """Go on from now; the id of the newest frame."""
        self.place = self._ring.end
        return self._ring.newest_id


class Audience:
    """The listeners of one stream, and what they hear."""

    def __init__(self, size: int) -> None:
        self.ring = Ring(size)
        self.listeners: set[Listener] = set()
        self._due: asyncio.Handle | None = None

    def hear(self, frame: Frame) -> None:
        """Wakes the listeners; what comes in one turn of the loop reaches them together."""
        self.ring.add(frame)
        if self._due is None and self.listeners:
            self._due = asyncio.get_running_loop().call_soon(self.wake)

    def wake(self) -> None:
        self._due = None
        for listener in self.listeners:
            listener.wake()


class Audiences:
    """All streams of one kind in this process, each by a key. `run` until cancelled, `close` when the process stops."""

    def __init__(self, stream: str, limits: Limits, *, size: int = RING, kept: int = KEPT) -> None:
        """`stream`: what metrics call this kind. `size`: frames that each keeps for those who come back. `kept`: streams
        that are remembered; of more, the one is forgotten that was quiet longest and that nobody listens to."""
        self._size = size
        self._kept = kept
        self._places = Places(stream, limits)
        self._by_key: OrderedDict[Hashable, Audience] = OrderedDict()
        self._closing = False

    async def run(self) -> None:
        """Wake everybody now and then, so that a broken connection is noticed."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            for audience in self._by_key.values():
                audience.wake()

    def close(self) -> None:
        """Clients go to another replica, with the id of what they heard last."""
        self._closing = True
        for audience in self._by_key.values():
            for listener in tuple(audience.listeners):
                listener.leave()

    def join(self, key: Hashable, viewer: Viewer, *, channel: str | None = None) -> Listener:
        """Whoever joins leaves with `part`. Raises Problem 429 where the caller or its regency has too many streams open,
        503 where another process may have room."""
        if self._closing:
            raise Problem(503, "busy", headers={"Retry-After": "2"})
        try:
            self._places.take(viewer)
        except NoPlace as full:
            raise full.problem from None
        audience = self._of(key)
        listener = Listener(audience.ring, channel)
        audience.listeners.add(listener)
        return listener

    def part(self, key: Hashable, viewer: Viewer, listener: Listener) -> None:
        self._of(key).listeners.discard(listener)
        self._places.give_back(viewer)

    def hear(self, key: Hashable, frame: Frame) -> None:
        self._of(key).hear(frame)

    def begin_again(self) -> None:
        """Drop all frames: resuming from them would skip what was missed. Every listener gets a new snapshot."""
        for audience in self._by_key.values():
            audience.ring.empty()
            audience.wake()

    def _of(self, key: Hashable) -> Audience:
        found = self._by_key.get(key)
        if found is None:
            if len(self._by_key) >= self._kept:
                self._forget_quietest()
            found = self._by_key[key] = Audience(self._size)
        self._by_key.move_to_end(key)
        return found

    def _forget_quietest(self) -> None:
        quiet = next((key for key, audience in self._by_key.items() if not audience.listeners), None)
        if quiet is not None:
            del self._by_key[quiet]
