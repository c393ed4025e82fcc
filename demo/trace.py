"""One visitor's trace in Zipkin: does it tell the whole way, from the request to another service's handler?"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

WITHIN_SECONDS = 30.0
PARTS = (
    ("queue", "post"),
    ("queue", "commit"),
    ("queue", "outbox wait"),
    ("queue", "send queue.tickets ticket-issued"),
    ("hourly", "process queue.tickets ticket-issued"),
)
"""The way of a ticket's first event: in which service, and a part of the span's name in Zipkin."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What Zipkin knows about one ticket."""

    id: str
    address: str
    number: str
    legs: int
    spans: int
    services: tuple[str, ...]
    lacks: tuple[str, ...]
    """Parts of the way that no span tells of."""

    @property
    def whole(self) -> bool:
        return not self.lacks


def read_trace(
    spans: Sequence[Mapping[str, Any]], *, id: str, zipkin_url: str, number: str, legs: int
) -> Trace:
    told = [
        (str(span.get("localEndpoint", {}).get("serviceName", "")), str(span.get("name", "")).lower())
        for span in spans
    ]
    services = {service for service, _ in told} - {""}
    return Trace(
        id=id,
        address=f"{zipkin_url}/zipkin/traces/{id}",
        number=number,
        legs=legs,
        spans=len(spans),
        services=tuple(sorted(services)),
        lacks=tuple(
            f"{service}'s {part}"
            for service, part in PARTS
            if not any(of == service and part in name for of, name in told)
        ),
    )


async def find_trace(
    client: httpx.AsyncClient, zipkin_url: str, candidates: Iterable[tuple[str, str, int]]
) -> Trace | None:
    """The first whole trace of some visitors (trace id, number, legs); what there is after a bounded time."""
    wanted = list(candidates)
    ends = time.monotonic() + WITHIN_SECONDS
    best: Trace | None = None
    while wanted:
        for id, number, legs in wanted:
            answer = await client.get(f"{zipkin_url}/api/v2/trace/{id}")
            if answer.status_code != 200:
                continue
            best = read_trace(answer.json(), id=id, zipkin_url=zipkin_url, number=number, legs=legs)
            if best.whole:
                return best
        if time.monotonic() > ends:
            break
        await asyncio.sleep(0.5)
    return best
