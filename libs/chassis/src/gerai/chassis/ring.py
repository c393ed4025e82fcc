"""The latest frames of one stream. Listeners keep a place in it; who falls out of it begins again."""

from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

OVERLAP = timedelta(seconds=1)
"""Rows that were read back from the outbox are in the order of their making, not of their commits; those may
differ by a moment."""


class Frame(NamedTuple):
    id: str
    channel: str
    """A part of the stream, which one may listen to alone."""
    data: bytes
    """As it is sent: see `as_frame`."""
    made_at: datetime
    read_back: bool
    """True: from the outbox at the start; False: live, in the order in which all replicas see it."""


class Ring:
    """Places count up for ever: 0 is the first frame that ever came."""

    def __init__(self, size: int) -> None:
        self._frames: deque[Frame] = deque(maxlen=size)
        self._dropped = 0
        self._places: dict[str, int] = {}
        self._joined: dict[tuple[int, str | None], bytes | None] = {}

    @property
    def end(self) -> int:
        return self._dropped + len(self._frames)

    @property
    def newest_id(self) -> str | None:
        return self._frames[-1].id if self._frames else None

    def add(self, frame: Frame) -> None:
        if len(self._frames) == self._frames.maxlen:
            del self._places[self._frames[0].id]
            self._dropped += 1
        self._frames.append(frame)  # a full deque lets its first one go here
        self._places[frame.id] = self.end - 1
        self._joined.clear()

    def empty(self) -> None:
        """Everybody begins again, also who has heard everything: something between may be missing."""
        self._dropped = self.end + 1
        self._frames.clear()
        self._places.clear()
        self._joined.clear()

    def after(self, place: int) -> list[Frame] | None:
        """The frames from a place on; None when some of them are gone."""
        if place < self._dropped:
            return None
        return [self._frames[number] for number in range(place - self._dropped, len(self._frames))]

    def bytes_after(self, place: int, channel: str | None) -> bytes | None:
        """The frames from a place on as they are sent. Most listeners stand at the same place: joined once for all."""
        key = (place, channel)
        if key not in self._joined:
            frames = self.after(place)
            self._joined[key] = chosen(frames, channel) if frames is not None else None
        return self._joined[key]

    def resume(self, id: str) -> list[Frame] | None:
        """What came after an event, each at least once; None when the event is not known (any more)."""
        place = self._places.get(id)
        if place is None:
            return None
        last = self._frames[place - self._dropped]
        following = self.after(place + 1) or []
        if not last.read_back:
            return following
        since = last.made_at - OVERLAP
        before = self._frames if place == self._dropped else list(self._frames)[: place - self._dropped]
        return [one for one in before if one.made_at >= since and one.id != id] + following


def chosen(frames: list[Frame], channel: str | None) -> bytes:
    return b"".join(one.data for one in frames if channel in (None, one.channel))


def as_frame(event: str, data: str, *, id: str | None) -> bytes:
    """`data`: JSON on one line."""
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {event}\ndata: {data}\n\n".encode()
