"""The hall at work, on the in-memory twin."""

from typing import Any

from hall_machine import HallMachine, body_of
from hypothesis import settings

from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.domain.ticket import Ticket


class OnTheTwin(HallMachine):
    async def storage(self) -> MemoryStorage:
        self.memory = MemoryStorage()
        return self.memory

    async def rows(self) -> list[tuple[str, int, str, dict[str, Any]]]:
        return [(row.aggregate, row.version, row.type, body_of(row.body)) for row in self.memory.outbox]

    async def tickets(self) -> list[Ticket]:
        return [one for one in self.memory.aggregates[Ticket].values() if isinstance(one, Ticket)]


TestTheHall = OnTheTwin.TestCase
TestTheHall.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
