"""Events as a display gets them: server-sent events, made once for all listeners."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson

from gerai.contracts import queue as told
from gerai.contracts.event import Event
from gerai.queue.domain.announcement import announcement

FRAME_OF: dict[type[Event], str] = {
    told.TicketCalled: "called",
    told.TicketRecalled: "called",
    told.TicketResumed: "called",
    told.TicketServingStarted: "serving",
    told.TicketServed: "left",
    told.TicketHeld: "left",
    told.TicketAwaitingPickup: "left",
    told.TicketTransferred: "left",
    told.TicketReturned: "left",
    told.TicketMissed: "left",
    told.ServiceDayClosed: "service_closed",
    told.ServiceDayReopened: "service_reopened",
}


class DisplayNames(Protocol):
    """The words that a display shows for ids."""

    def desk_name(self, desk_id: str) -> str: ...

    def counter_name(self, counter_id: str) -> str: ...


DisplayEvent = told.TicketEvent | told.ServiceDayClosed | told.ServiceDayReopened


def frame(id: str, event: DisplayEvent, names: DisplayNames, *, at: datetime) -> bytes:
    """One event as bytes of a `text/event-stream`."""
    kind = FRAME_OF[type(event)]
    data: dict[str, Any] = {
        "at": at.isoformat(),
        "counter_id": event.counter_id,
        "counter": names.counter_name(event.counter_id),
        "service_id": event.service_id,
    }
    if isinstance(event, told.TicketEvent):
        data |= {"number": event.number, "desk_id": event.desk_id}
        if kind == "called" and event.desk_id is not None:
            desk = names.desk_name(event.desk_id)
            data |= {
                "desk": desk,
                "call": getattr(event, "call", None),
                "announcement": announcement(event.number, desk),
            }
    return as_frame(kind, data, id=id)


def snapshot_frame(board: Sequence[dict[str, Any]], *, id: str | None) -> bytes:
    """What hangs on the board now: how a display begins."""
    return as_frame("snapshot", {"called": list(board)}, id=id)


def as_frame(kind: str, data: dict[str, Any], *, id: str | None) -> bytes:
    head = f"id: {id}\nevent: {kind}\ndata: " if id is not None else f"event: {kind}\ndata: "
    return head.encode() + orjson.dumps(data) + b"\n\n"
