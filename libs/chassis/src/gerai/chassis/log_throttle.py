"""Rate limit for repeated log lines; the next line says how many were dropped.

A client that has lost its broker logs it for each connection that it tries, a hundred times a second; a loop of our
own may log the same for each record. The first lines of a kind hold all that a person can use.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from logging import Filter, LogRecord

import structlog
from structlog.typing import EventDict, WrappedLogger

KINDS_LIMIT = 1_000
OF_OTHERS, OF_OURS = 1, 10
"""Lines of one kind in `EVERY_S`: of libraries, and of our own events."""
EVERY_S = 10.0
HELD_BACK = "held_back"
"""The field of a line that tells how many of its kind were not written since the one before."""
LIMITED = frozenset({"warning", "error"})


@dataclass
class _Told:
    since: float
    lines: int = 0
    held_back: int = 0


class LogThrottle:
    """Lets `most` lines of a kind through in `every_s` seconds, and counts the others. Remembers `KINDS_LIMIT` kinds."""

    def __init__(
        self, most: int, *, every_s: float = EVERY_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._every_s = every_s
        self._now = now
        self._told: OrderedDict[Hashable, _Told] = OrderedDict()

    def passes(self, kind: Hashable) -> int | None:
        """None: hold it back. Else how many of its kind were held back since one last passed."""
        now, told = self._now(), self._told.get(kind)
        if told is None:
            told = self._told[kind] = _Told(now)
            if len(self._told) > KINDS_LIMIT:
                self._told.popitem(last=False)
        self._told.move_to_end(kind)
        if now - told.since >= self._every_s:
            told.since, told.lines = now, 0
        if told.lines >= self._most:
            told.held_back += 1
            return None
        told.lines += 1
        held_back, told.held_back = told.held_back, 0
        return held_back


class ThrottleFilter(Filter):
    """For a handler of the standard library's logging: a kind is the place in the code that speaks, and the error."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle(OF_OTHERS)

    def filter(self, record: LogRecord) -> bool:
        error = record.exc_info[0] if record.exc_info else None
        held_back = self._throttle.passes((record.name, record.lineno, record.levelno, error))
        if held_back is None:
            return False
        if held_back:
            record.msg = f"{record.getMessage()} [{HELD_BACK}: {held_back}]"
            record.args = None
        return True


def throttled() -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    """A processor for structlog. A kind is the event with what it is about, as far as that is one of a few things."""
    allowed = LogThrottle(OF_OURS)

    def process(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if method not in LIMITED:
            return event
        held_back = allowed.passes((event.get("event"), *(str(event.get(name)) for name in ABOUT)))
        if held_back is None:
            raise structlog.DropEvent
        if held_back:
            event[HELD_BACK] = held_back
        return event

    return process


ABOUT = ("group", "topic", "name", "reason", "status", "route")
"""Fields that have few values each."""
