"""Who is connected to a listener, how long each may take, and who has to leave when there is no room.

uvicorn bounds neither the number of connections nor the time that a head, a body or a reader takes. A connection is a
stranger's until a request on it has shown a good token. Strangers share places of their own: however many come, the
oldest of them leaves, and nobody who was let in by a token does. How many come in a second is bounded too, since each
costs a parser and often a request. Of the other places no subject holds more than a quarter and no regency more than a
half; what they open beyond that stays a stranger's.
"""

import resource
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import prometheus_client
import structlog

from gerai.chassis.addresses import Proxies
from gerai.chassis.admission import Rate
from gerai.chassis.auth import Caller

log = structlog.get_logger(__name__)

READ_BYTES = 16 * 1024
"""What is taken from one connection before the next one's turn."""
FOR_OTHERS = 256
"""Descriptors that MongoDB, Kafka, logs and the trace exporter need."""
LEAST_CONNECTIONS = 16
NEW_OF_EACH = 16
"""Connections that each address may open in a second whatever others do; more than a small office ever needs."""
BURST_S = 0.25
"""So many seconds' worth of the others' may come in one moment; a whole burst is worked on in one turn of the loop."""
SCAN_LIMIT = 32
"""Connections that are looked at for an idle one."""
FULL_FROM, FULL_UNTIL = 0.9, 0.7

CLOSED = prometheus_client.Counter(
    "gerai_http_connections_closed_total", "Connections that we ended, by reason.", ["reason"]
)
OPEN = prometheus_client.Gauge("gerai_http_connections", "Connections that are open.", ["listener"])


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of one listener. A deadline that is not met ends the connection: 408 where a request has begun."""

    connections: int
    strangers: int
    """Of these, for connections on which no good token was shown."""
    strangers_per_address: int
    first_byte_s: float = 10.0
    head_s: float = 10.0
    body_s: float = 10.0
    """A body may take this and a second more for each `body_rate` bytes of it that have come."""
    body_rate: int = 8 * 1024
    unread_s: float = 30.0
    """In this time a client must take `unread_least` bytes of an answer that waits for it."""
    unread_least: int = 4 * 1024
    head_bytes: int = 32 * 1024
    url_bytes: int = 8 * 1024
    headers: int = 100

    @property
    def new_per_second(self) -> int:
        """Connections that all addresses together may open in a second beyond `NEW_OF_EACH`. One address may have its
        places replaced once in two seconds; so long has whoever comes in to show a token."""
        return max(1, self.strangers_per_address // 2)

    @property
    def callers(self) -> int:
        """Places that strangers cannot take; authenticated connections are measured against these."""
        return max(1, self.connections - self.strangers)

    @property
    def per_subject(self) -> int:
        return max(1, self.callers // 4)

    @property
    def per_regency(self) -> int:
        return max(1, self.callers // 2)


class ProcessFull(Exception):
    """New clients had better go to another process."""


class Peer(Protocol):
    """What `Connections` needs to know of a connection, and may do to it."""

    peer: str
    """The network address of the other end."""
    address: str
    """The same, as `addresses.counted_as` names it."""

    @property
    def answering(self) -> bool:
        """Whether its request is in progress."""

    def end(self, reason: str) -> None:
        """At once, without a word. It has called `forget` when this returns."""

    def check(self, now: float) -> None:
        """End it if it is overdue."""


class Connections:
    """All connections of one listener."""

    def __init__(
        self,
        limits: Limits,
        *,
        listener: str = "public",
        proxies: Proxies | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._proxies = proxies or Proxies(())
        self.buffer = memoryview(bytearray(READ_BYTES))
        """One for all: what is read is taken out before anybody else is read."""
        self.now = time.monotonic()
        """As of the last sweep; close enough for deadlines of seconds."""
        self._new_of_each = Rate(NEW_OF_EACH, at_once_s=1.0, now=clock)
        self._new_of_all = Rate(limits.new_per_second, at_once_s=BURST_S, now=clock)
        self._authenticated: OrderedDict[Peer, tuple[str, ...]] = OrderedDict()
        """Each with those whose share it takes; the one that has been quiet longest first."""
        self._strangers: OrderedDict[Peer, None] = OrderedDict()
        self._of_address: dict[str, OrderedDict[Peer, None]] = {}
        self._held: Counter[str] = Counter()
        """How many authenticated connections each subject and each regency has."""
        self._full = False
        self._gauge = OPEN.labels(listener)

    def __len__(self) -> int:
        return len(self._authenticated) + len(self._strangers)

    async def require_room(self) -> None:
        """Readiness: raises ProcessFull from nine tenths of the places on, until there are less than seven. Those of
        strangers do not count: whoever could make a process look full would take it out of service."""
        share = len(self._authenticated) / self.limits.callers
        self._full = share >= (FULL_UNTIL if self._full else FULL_FROM)
        if self._full:
            raise ProcessFull

    def admit(self, peer: Peer) -> str | None:
        """Make room for a new connection. Otherwise the reason why it cannot stay: nothing may be built for it then."""
        if self._proxies.trusts(peer.peer):
            return self._admit_proxy(peer)
        if self._new_of_each.take(peer.address) and self._new_of_all.take(""):
            return "too_many_new"
        neighbours = self._of_address.get(peer.address)
        if neighbours is not None and len(neighbours) >= self.limits.strangers_per_address:
            _first_idle(neighbours).end("crowded_address")
        elif len(self._strangers) >= self.limits.strangers or (
            len(self) >= self.limits.connections and self._strangers
        ):
            _first_idle(self._strangers).end("crowded")
        if not self._has_room():
            return "full"
        self._strangers[peer] = None
        self._of_address.setdefault(peer.address, OrderedDict())[peer] = None
        self._gauge.set(len(self))
        return None

    def _admit_proxy(self, peer: Peer) -> str | None:
        """Our own: it brings strangers and staff on the same connections, and watches over slow clients itself."""
        if len(self) >= self.limits.connections and self._strangers:
            _first_idle(self._strangers).end("crowded")
        if not self._has_room():
            return "full"
        self._authenticated[peer] = ()
        self._gauge.set(len(self))
        return None

    def _has_room(self) -> bool:
        """If need be, after the quietest of those who have shown a token has left."""
        if len(self) < self.limits.connections:
            return True
        quiet = next((one for one in self._authenticated if not one.answering), None)
        if quiet is not None:
            quiet.end("crowded")
        return quiet is not None

    def mark_authenticated(self, peer: Peer, caller: Caller) -> bool:
        """A good token of this caller was shown on it. False: the subject or the regency has its share of such
        connections, so this one stays a stranger's."""
        if peer in self._authenticated:
            return True
        subject, regency = caller.name, caller.tenant
        if (
            peer not in self._strangers
            or self._held[subject] >= self.limits.per_subject
            or self._held[regency] >= self.limits.per_regency
        ):
            return False
        self._forget_stranger(peer)
        self._authenticated[peer] = (subject, regency)
        self._held.update((subject, regency))
        return True

    def mark_used(self, peer: Peer) -> None:
        """It was answered: others leave before it now."""
        if peer in self._authenticated:
            self._authenticated.move_to_end(peer)
        elif peer in self._strangers:
            self._strangers.move_to_end(peer)
            self._of_address[peer.address].move_to_end(peer)

    def forget(self, peer: Peer) -> None:
        """Its place is free. More than once does no harm."""
        for holder in self._authenticated.pop(peer, ()):
            self._held[holder] -= 1
            if not self._held[holder]:
                del self._held[holder]
        if peer in self._strangers:
            self._forget_stranger(peer)
        self._gauge.set(len(self))

    def _forget_stranger(self, peer: Peer) -> None:
        del self._strangers[peer]
        neighbours = self._of_address[peer.address]
        del neighbours[peer]
        if not neighbours:
            del self._of_address[peer.address]

    def sweep(self, now: float) -> None:
        """Once a second: end whoever is overdue."""
        self.now = now
        for peer in [*self._strangers, *self._authenticated]:
            peer.check(now)


def _first_idle(peers: "OrderedDict[Peer, None]") -> Peer:
    """The oldest of those whose request is not in progress, or else simply the oldest."""
    oldest = next(iter(peers))
    for seen, peer in enumerate(peers):
        if not peer.answering:
            return peer
        if seen >= SCAN_LIMIT:
            break
    return oldest


def places(wanted: int, *, beside: int = 0) -> int:
    """How many connections the process may hold: what is wanted, if it can have so many descriptors beside those that
    others need. Raises its own limit as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + beside + FOR_OTHERS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    log.warning("few-descriptors", allowed=soft, wanted=needed)
    return max(LEAST_CONNECTIONS, soft - beside - FOR_OTHERS)
