"""Stream tickets: a browser's `EventSource` cannot send a header, so a token that it must not put into an address is changed
for a ticket that it may.

A ticket opens one stream: at one address, once, within a minute of being given. It is encrypted and authenticated
(AES-256-GCM, the address as associated data) under a key that all replicas have, so that any of them can open it and
nobody else can read or make one. A replica remembers the tickets that it has opened until they are too old; another
replica does not know of them, so a ticket that somebody has picked up opens at most one stream on each, within that minute.
The stream ends when one opened with the token itself would have ended.
"""

import base64
import binascii
import hashlib
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Annotated

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gerai.chassis.auth import Caller
from gerai.chassis.problems import Problem

PARAMETER = "ticket"
LIFE_S = 60.0
LEEWAY_S = 5.0
"""Clocks of replicas may differ by this."""
LONGEST = 2_048
"""Characters."""
USED_LIMIT = 65_536
"""Tickets that are remembered. No regency's rate lets it use so many in the time for which they are."""
KEY_ID_BYTES, NONCE_BYTES = 4, 12
PURPOSE = b"gerai: stream ticket for "


class StreamTicket(BaseModel):
    """Opens one stream: `…?ticket=…`."""

    ticket: str
    expires_in: int = Field(
        description="Seconds in which the stream must be opened. How long it lasts is the token's."
    )


class StreamTickets:
    """Those of one process."""

    def __init__(self, keys: Sequence[bytes], *, clock: Callable[[], float] = time.time) -> None:
        """`keys`: 32 bytes each, the same in all replicas. The first one is used for new tickets, all of them for those
        that come."""
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])
        self._clock = clock
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def give(self, caller: Caller, *, path: str, roles: frozenset[str]) -> StreamTicket:
        """`path`: of the stream, as it is asked for. `roles`: those that it needs; of the caller's others none goes into the
        ticket."""
        now = self._clock()
        until = now + LIFE_S
        told = [
            caller.subject,
            caller.tenant,
            sorted(caller.roles & roles),
            until,
            now + caller.seconds_left(),
        ]
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, orjson.dumps(told), PURPOSE + path.encode())
        text = base64.urlsafe_b64encode(self._newest + nonce + sealed).rstrip(b"=").decode()
        return StreamTicket(ticket=text, expires_in=int(LIFE_S))

    def open(self, ticket: str, *, path: str) -> Caller:
        """Who was given it; `expires` is when the stream must end. Raises Problem 401 with nothing about the reason: it
        was not given here, or for another address, it is too old, it was used."""
        nonce, told = self._opened(ticket, path)
        subject, tenant, roles, until, ends = orjson.loads(told)
        now = self._clock()
        if now > until + LEEWAY_S or now >= ends:
            raise refused()
        self._use(nonce, until + LEEWAY_S, now)
        return Caller(subject, tenant, frozenset(roles), ends)

    def _opened(self, ticket: str, path: str) -> tuple[bytes, bytes]:
        if len(ticket) > LONGEST or not ticket.isascii():
            raise refused()
        try:
            raw = base64.b64decode(ticket + "=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
            key_id, nonce, sealed = (
                raw[:KEY_ID_BYTES],
                raw[KEY_ID_BYTES:][:NONCE_BYTES],
                raw[KEY_ID_BYTES + NONCE_BYTES :],
            )
            return nonce, self._ciphers[key_id].decrypt(nonce, sealed, PURPOSE + path.encode())
        except (binascii.Error, KeyError, InvalidTag, ValueError):
            raise refused() from None

    def _use(self, nonce: bytes, until: float, now: float) -> None:
        while self._used and next(iter(self._used.values())) < now:
            self._used.popitem(last=False)
        if nonce in self._used:
            raise refused()
        if len(self._used) >= USED_LIMIT:
            raise Problem(503, "busy", headers={"Retry-After": str(math.ceil(LIFE_S))})
        self._used[nonce] = until


def refused() -> Problem:
    return Problem(401, "invalid_ticket", headers={"WWW-Authenticate": 'Bearer realm="gerai"'})


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(PURPOSE + key).digest()[:KEY_ID_BYTES]


GiveTicket = Callable[[str], Response]


async def _give(request: Request) -> GiveTicket:
    tickets: StreamTickets = request.app.state.stream_tickets
    caller: Caller = request.scope["gerai.caller"]
    needed = request.scope["route"].permission.roles

    def give(path: str) -> Response:
        given = tickets.give(caller, path=path, roles=needed)
        return Response(given.model_dump_json(), 201, media_type="application/json")

    return give


TicketsOf = Annotated[GiveTicket, Depends(_give)]
"""As a parameter of `POST …/stream-tickets`, which has the permission of the stream: call it with the stream's address, and
answer what it gives. The answer is not kept under the Idempotency-Key: it changes nothing, and a ticket that is given again
would be too old."""
