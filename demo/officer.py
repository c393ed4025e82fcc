"""An officer's working day at one desk."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from demo.failure import UnableToPlay
from demo.hall import Hall, Seat
from demo.mall import Desk

LISTENS = timedelta(seconds=45)
"""Between two calls of the same number; longer than the rules' least gap."""
LOOKS_UP = timedelta(minutes=60)
"""So often an idle officer asks for the next number though no bell rang."""
GUARD = timedelta(minutes=5, seconds=20)
CALLS = 3


@dataclass(kw_only=True)
class Officer:
    """Opens the desk, serves whoever is next, and goes home when the counter is through."""

    desk: Desk
    hall: Hall
    token: str
    stays_until: datetime
    leaves_at: datetime
    """At the latest, even if somebody waits."""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    _aside: list[tuple[datetime, Seat]] = field(default_factory=list)

    async def open(self) -> None:
        await self._must("open")
        self.opened_at = self.hall.clock.now()

    async def work(self) -> None:
        while (now := self.hall.clock.now()) < self.leaves_at:
            bell = self.hall.bell(self.desk.id)
            bell.clear()
            ticket = await self._resume_due(now) or await self._call_next()
            if ticket is not None:
                await self._attend(ticket)
            elif now >= self.stays_until and not self._aside:
                break
            else:
                await self._wait(bell, now)
        await self._must("close")
        self.closed_at = self.hall.clock.now()

    async def _wait(self, bell: asyncio.Event, now: datetime) -> None:
        until = min([now + LOOKS_UP, self.leaves_at, *(due for due, _ in self._aside)])
        if now < self.stays_until:
            until = min(until, self.stays_until)
        try:
            await asyncio.wait_for(bell.wait(), self.hall.clock.real_seconds(until - now) + 0.01)
        except TimeoutError:
            return

    async def _call_next(self) -> Any | None:
        answer = await self._post("call-next")
        if answer.refused not in (None, "nobody_waiting"):
            raise UnableToPlay(f"{self.desk.id} may not call the next number: {answer.refused}.")
        return answer.body

    async def _resume_due(self, now: datetime) -> Any | None:
        for due, seat in self._aside:
            if due <= now:
                self._aside.remove((due, seat))
                return await self._must("resume", {"ticket_id": seat.ticket_id})
        return None

    async def _attend(self, ticket: Any) -> None:
        """From the call to whatever becomes of it."""
        seat = await self.hall.seat(ticket["id"])
        if not await self._appears(seat):
            return
        await self.hall.clock.sleep(seat.visitor.walks)
        await self._must("start")
        visitor = seat.visitor
        if visitor.held is not None and not seat.put_aside:
            await self.hall.clock.sleep(visitor.serves * 0.4)
            await self._hold(seat, visitor.held)
        elif visitor.transferred_to is not None and seat.legs == 1:
            await self.hall.clock.sleep(visitor.serves * 0.6)
            await self._transfer(seat, visitor.transferred_to)
        else:
            await self.hall.clock.sleep(visitor.serves)
            await self._must("finish")
            seat.served = True

    async def _appears(self, seat: Seat) -> bool:
        """Whether the visitor comes to the desk. Who does not is called again, and then noted as missing."""
        visitor = seat.visitor
        if visitor.returned_once and not seat.returned:
            seat.returned = True
            await self._must("return", {"reason": "visitor_not_ready"})
            self.hall.ring_later(visitor.service_id, GUARD)
            return False
        if seat.legs > 1 or seat.reinstated or seat.put_aside:
            return True
        for call in range(1, visitor.misses_calls + 1):
            await self.hall.clock.sleep(LISTENS)
            if call == CALLS:
                await self._must("no-show")
                await self._take_back(seat)
                return False
            await self._must("recall")
        return True

    async def _take_back(self, seat: Seat) -> None:
        if not seat.visitor.comes_late:
            return
        seat.reinstated = True
        await self.hall.clock.sleep(timedelta(minutes=2))
        answer = await self.hall.queue.post(f"/v1/tickets/{seat.ticket_id}/reinstate", self.token)
        if answer.refused is not None:
            self.hall.came_too_late += 1
            return
        self.hall.ring_later(seat.visitor.service_id, GUARD)

    async def _hold(self, seat: Seat, how_long: timedelta) -> None:
        seat.put_aside = True
        await self._must("hold", {"reason": "copy_documents"})
        if seat.visitor.comes_back:
            self._aside.append((self.hall.clock.now() + how_long, seat))

    async def _transfer(self, seat: Seat, service_id: str) -> None:
        seat.legs += 1
        await self._must("transfer", {"service_id": service_id, "reason": "other_counter"})
        self.hall.ring(service_id)

    async def _must(self, step: str, body: object = None) -> Any:
        answer = await self._post(step, body)
        if answer.refused is not None:
            raise UnableToPlay(f"{self.desk.id} may not do {step}: {answer.refused}.")
        return answer.body

    async def _post(self, step: str, body: object = None) -> Any:
        return await self.hall.queue.post(f"/v1/desks/{self.desk.id}/{step}", self.token, body)
