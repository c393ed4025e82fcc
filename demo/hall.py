"""The waiting hall: who sits there with which number, the kiosks, and how officers learn that somebody sat down."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from demo.clock import DemoClock
from demo.doors import Doors
from demo.failure import UnableToPlay
from demo.mall import Mall
from demo.visitors import Visitor

KIOSKS = 12
KIOSK_LINE = 40
SEAT_SECONDS = 15.0


@dataclass(kw_only=True)
class Seat:
    """A visitor with a number."""

    visitor: Visitor
    ticket_id: str
    number: str
    link: str
    trace_id: str | None
    returned: bool = False
    reinstated: bool = False
    put_aside: bool = False
    legs: int = 1
    served: bool = False


class Hall:
    """What people in the room can see of each other; everything else they learn from the platform."""

    def __init__(self, mall: Mall, clock: DemoClock, queue: Doors) -> None:
        self.clock = clock
        self.queue = queue
        self.refusals: Counter[str] = Counter()
        self.arrived = 0
        self.came_too_late = 0
        """Visitors who missed their calls and were not back in time."""
        self.late_cancels = 0
        """Visitors who wanted to give up, but had been called by then."""
        self._seats: dict[str, asyncio.Future[Seat]] = {}
        self._bells: dict[str, asyncio.Event] = {desk.id: asyncio.Event() for desk in mall.desks}
        self._desks_of: dict[str, list[str]] = {}
        for desk in mall.desks:
            for service_id in desk.service_ids:
                self._desks_of.setdefault(service_id, []).append(desk.id)

    def seats(self) -> Iterator[Seat]:
        return (seat.result() for seat in self._seats.values() if seat.done() and not seat.cancelled())

    def bell(self, desk_id: str) -> asyncio.Event:
        """Set when somebody sat down whom this desk may serve."""
        return self._bells[desk_id]

    def ring(self, service_id: str) -> None:
        for desk_id in self._desks_of.get(service_id, ()):
            self._bells[desk_id].set()

    def ring_later(self, service_id: str, after: timedelta) -> None:
        asyncio.get_running_loop().call_later(self.clock.real_seconds(after), self.ring, service_id)

    def sit_down(self, seat: Seat) -> None:
        self._seat_of(seat.ticket_id).set_result(seat)
        self.ring(seat.visitor.service_id)

    async def seat(self, ticket_id: str) -> Seat:
        """Who holds a ticket. A desk may call it before the kiosk's answer is here."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._seat_of(ticket_id)), SEAT_SECONDS)
        except TimeoutError:
            raise UnableToPlay(f"Ticket {ticket_id} was called, but no kiosk printed it.") from None

    def _seat_of(self, ticket_id: str) -> asyncio.Future[Seat]:
        if ticket_id not in self._seats:
            self._seats[ticket_id] = asyncio.get_running_loop().create_future()
        return self._seats[ticket_id]


async def let_in(day: Sequence[Visitor], hall: Hall, *, kiosk_token: str) -> None:
    """Everybody comes at the drawn time and takes a number at a free kiosk. Returns when the last one has."""
    line: asyncio.Queue[Visitor | None] = asyncio.Queue(maxsize=KIOSK_LINE)
    async with asyncio.TaskGroup() as group:
        for _ in range(KIOSKS):
            group.create_task(_kiosk(line, hall, kiosk_token, group))
        for visitor in day:
            await hall.clock.sleep_until(visitor.arrives)
            hall.arrived += 1
            await line.put(visitor)
        for _ in range(KIOSKS):
            await line.put(None)


async def _kiosk(
    line: asyncio.Queue[Visitor | None], hall: Hall, token: str, group: asyncio.TaskGroup
) -> None:
    while (visitor := await line.get()) is not None:
        body = {"service_id": visitor.service_id, "priority_reason": "elderly" if visitor.priority else None}
        answer = await hall.queue.post("/v1/tickets", token, body)
        if answer.refused is not None:
            hall.refusals[answer.refused] += 1
            continue
        seat = Seat(
            visitor=visitor,
            ticket_id=answer.body["id"],
            number=answer.body["number"],
            link=answer.body["link"],
            trace_id=answer.trace_id,
        )
        hall.sit_down(seat)
        if visitor.gives_up is not None:
            group.create_task(_give_up(seat, hall, visitor.gives_up))


async def _give_up(seat: Seat, hall: Hall, after: timedelta) -> None:
    """Leaves if nobody called by then; whoever was called in the meantime stays."""
    await hall.clock.sleep(after)
    answer = await hall.queue.post(f"/v1/visits/{seat.link}/cancel", None)
    if answer.refused is not None:
        hall.late_cancels += 1


def traced(seats: Iterable[Seat]) -> list[Seat]:
    """Served visitors whose trace is worth a look: those who went to two counters first, the latest first."""
    served = [seat for seat in seats if seat.served and seat.trace_id is not None]
    return sorted(served, key=lambda seat: (seat.legs, seat.visitor.number), reverse=True)
