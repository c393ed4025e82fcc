"""Whose requests are worked on now: strangers and staff have places of their own, and nobody may ask without end.

What is counted: requests in progress (places), and requests a second (rates). A request without a good token is a
stranger's. It is counted by network address, and takes a place only when it is here as a whole; a caller is counted by
subject and by regency. Everything here is kept in bounded memory and is of one process.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from gerai.chassis.addresses import Proxies
from gerai.chassis.auth import Caller
from gerai.chassis.problems import Problem

AT_ONCE_S = 2.0
"""So many seconds' worth of requests may come in one moment, after a silence. What is let in at once is what everybody
else waits for."""
PAUSE_S = 1.0
"""The 429 is delayed by this long, so a client that waits for answers is slowed down."""
KNOWN = 16_384
PUBLIC_BODY_LIMIT = 8 * 1024


@dataclass(frozen=True, kw_only=True)
class AdmissionLimits:
    """Of one process. Rates are requests a second; after a silence twice as many may come at once."""

    strangers_at_once: int = 64
    at_once: int = 1_024
    """Of callers; strangers' places are beside them."""
    at_once_per_regency: int = 512
    at_once_per_subject: int = 256
    rate_per_address: float = 300.0
    """Of strangers."""
    failed_logins_per_address: float = 100.0
    rate_per_subject: float = 300.0
    rate_per_regency: float = 1_500.0


class Rate:
    """How often each of many may ask, as a leaky bucket: all that is kept of one is when its bucket will be empty."""

    def __init__(
        self,
        per_second: float,
        *,
        at_once_s: float = AT_ONCE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1.0 / per_second
        self._at_once_s = at_once_s
        self._now = now
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._empty_at)

    def take(self, name: str) -> float:
        """0: it may. Otherwise the seconds after which it may again."""
        now = self._now()
        level = max(self._empty_at.get(name, now), now) + self._interval
        if level - now > self._at_once_s:
            return level - now - self._at_once_s
        self._empty_at[name] = level
        self._empty_at.move_to_end(name)
        if len(self._empty_at) > KNOWN:
            self._empty_at.popitem(last=False)
        return 0.0


class Admission:
    """The limits of one process's API."""

    def __init__(
        self,
        limits: AdmissionLimits,
        proxies: Proxies,
        *,
        now: Callable[[], float] = time.monotonic,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._limits = limits
        self._proxies = proxies
        self._pause_s = pause_s
        self._strangers = 0
        self._callers = 0
        self._in_progress: Counter[str] = Counter()
        self._of_address = Rate(limits.rate_per_address, now=now)
        self._failed = Rate(limits.failed_logins_per_address, now=now)
        self._of_subject = Rate(limits.rate_per_subject, now=now)
        self._of_regency = Rate(limits.rate_per_regency, now=now)
        self._full = False

    async def stranger_asks(self, request: HTTPConnection) -> None:
        """Raises Problem 429 where this address asks too often."""
        await self._bounded(self._of_address, request)

    async def caller_asks(self, caller: Caller) -> None:
        """Raises Problem 429 where the subject or the regency asks too often."""
        wait = self._of_subject.take(caller.name) or self._of_regency.take(caller.tenant)
        if wait:
            await asyncio.sleep(self._pause_s)
            raise _too_many(wait)

    async def login_failed(self, request: HTTPConnection) -> None:
        """Raises Problem 429 where this address shows too many bad tokens. A good one is never refused for them."""
        await self._bounded(self._failed, request)

    async def _bounded(self, rate: Rate, request: HTTPConnection) -> None:
        request.scope["gerai.counted"] = True
        peer = request.client.host if request.client else ""
        wait = rate.take(self._proxies.client(peer, request.scope["headers"]))
        if wait:
            await asyncio.sleep(self._pause_s)
            raise _too_many(wait)

    @contextmanager
    def stranger(self) -> Iterator[None]:
        """A place for a stranger's request. Raises Problem 503 where strangers have none left."""
        if self._strangers >= self._limits.strangers_at_once:
            raise _busy()
        self._strangers += 1
        try:
            yield
        finally:
            self._strangers -= 1

    @contextmanager
    def caller(self, caller: Caller) -> Iterator[None]:
        """A place for a caller's request. Raises Problem 429 where the subject or the regency has too many, and 503
        where the process has none left."""
        subject, regency = caller.name, caller.tenant
        if (
            self._in_progress[subject] >= self._limits.at_once_per_subject
            or self._in_progress[regency] >= self._limits.at_once_per_regency
        ):
            raise _too_many(1.0)
        if self._callers >= self._limits.at_once:
            raise _busy()
        self._callers += 1
        self._in_progress[subject] += 1
        self._in_progress[regency] += 1
        try:
            yield
        finally:
            self._callers -= 1
            self._give_back(subject)
            self._give_back(regency)

    def _give_back(self, name: str) -> None:
        self._in_progress[name] -= 1
        if not self._in_progress[name]:
            del self._in_progress[name]

    async def require_room(self) -> None:
        """Readiness: raises NoPlaceLeft from nine tenths of the callers' places on, until there are less than seven."""
        self._full = self._callers >= self._limits.at_once * (0.7 if self._full else 0.9)
        if self._full:
            raise NoPlaceLeft


class NoPlaceLeft(Exception):
    """New requests had better go to another process."""


def _too_many(wait: float) -> Problem:
    return Problem(429, "too_many_requests", headers={"Retry-After": str(max(1, math.ceil(wait)))})


def _busy() -> Problem:
    return Problem(503, "busy", headers={"Retry-After": "1"})
