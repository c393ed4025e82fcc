"""A working day, from the first visitor to the last event."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from datetime import time as time_of_day

import httpx
from rich.console import Console

from demo.clock import DemoClock
from demo.doors import Doors
from demo.failure import UnableToPlay
from demo.figures import Outcome, counter_figures
from demo.hall import Hall, let_in, traced
from demo.listener import Published, listen, topics
from demo.mall import CLOSES, OPENS, Mall
from demo.officer import Officer
from demo.reckoning import Reader, settle
from demo.scoreboard import Scoreboard
from demo.stage import prepare
from demo.trace import find_trace
from demo.view import ControlRoom
from demo.visitors import draw_day
from gerai.messaging.mongo.driver import Database, connect
from local import services
from local.platform import Platform

LEAVES = time_of_day(16, 0)
OVER = time_of_day(18, 0)
"""By then the end-of-day timer must have ended every ticket that is left."""
TRACED = 12
"""Visitors whose traces are looked at, until one is whole."""


@dataclass(kw_only=True)
class Day:
    """One playing of the demo on a platform that runs."""

    seed: int
    visitors: int
    date: date
    mall: Mall
    platform: Platform
    clock: DemoClock
    client: httpx.AsyncClient
    console: Console
    readers: Sequence[Reader]
    published: Published = field(default_factory=Published)

    async def play(self) -> Outcome:
        began = time.monotonic()
        queue = Doors(self.platform.queue_url, self.client)
        await prepare(self.platform, self.mall, queue)
        board = Scoreboard(self.mall.counters)
        hall = Hall(self.mall, self.clock, queue)
        officers = self._officers(hall)
        async with _databases(self.platform.mongodb_uri) as databases:
            room = ControlRoom(
                mall=self.mall,
                clock=self.clock,
                hall=hall,
                board=board,
                published=self.published,
                databases=databases,
                readers=self.readers,
                visitors=self.visitors,
            )
            with _one_failure():
                async with asyncio.TaskGroup() as group:
                    hears = listen(self.platform.kafka_bootstrap, topics(), self.published, board.take)
                    background = [group.create_task(hears), group.create_task(room.count())]
                    showing = group.create_task(room.show(self.console))
                    await self._work(hall, officers)
                    await self._end_of_day(board)
                    showing.cancel()
                    reckoning = await settle(databases, self.readers, lambda: self.published.ids)
                    for task in background:
                        task.cancel()
        candidates = [
            (seat.trace_id, seat.number, seat.legs) for seat in traced(hall.seats()) if seat.trace_id
        ]
        await self.platform.traces_ready()
        trace = await find_trace(self.client, self.platform.zipkin_url, candidates[:TRACED])
        return Outcome(
            seed=self.seed,
            day=self.date,
            visitors=self.visitors,
            seconds=time.monotonic() - began,
            speed=self.clock.speed,
            counters=counter_figures(self.mall, board, officers),
            board=board,
            refusals=dict(hall.refusals),
            late_cancels=hall.late_cancels,
            published=self.published,
            reckoning=reckoning,
            trace=trace,
        )

    def _officers(self, hall: Hall) -> list[Officer]:
        return [
            Officer(
                desk=desk,
                hall=hall,
                token=self.platform.token("officer", subject=f"officer-{desk.id}"),
                stays_until=self.mall.at(self.date, CLOSES),
                leaves_at=self.mall.at(self.date, LEAVES),
            )
            for desk in self.mall.desks
        ]

    async def _work(self, hall: Hall, officers: list[Officer]) -> None:
        """Returns when the last officer has gone home."""
        opens = self.mall.at(self.date, OPENS)
        arrivals = draw_day(seed=self.seed, visitors=self.visitors, opens=opens, offers=self.mall.offers)
        await asyncio.gather(*(officer.open() for officer in officers))
        self.console.print(
            f"{len(self.mall.counters)} gerai with {len(officers)} desks; the doors open at 08:00 on "
            f"{self.date:%A, %d %B %Y}, and an hour takes {3600 / self.clock.speed:.0f} s.",
            highlight=False,
        )
        late = self.clock.now() - opens
        if late > timedelta(minutes=10):
            self.console.print(
                f"The start took long: the doors open {late.total_seconds() / 60:.0f} minutes late."
            )
        async with asyncio.TaskGroup() as group:
            group.create_task(let_in(arrivals, hall, kiosk_token=self.platform.token("kiosk")))
            for officer in officers:
                group.create_task(officer.work())

    async def _end_of_day(self, board: Scoreboard) -> None:
        """Who is left is released by the queue's own timer; the events tell when that is done."""
        left = self.mall.at(self.date, OVER) - self.clock.now()
        try:
            await asyncio.wait_for(board.all_over.wait(), self.clock.real_seconds(left))
        except TimeoutError:
            return  # the outcome tells how many tickets are open


@asynccontextmanager
async def _databases(uri: str) -> AsyncIterator[Mapping[str, Database]]:
    databases = {name: connect(uri, name, pool=4) for name in services.names()}
    try:
        yield databases
    finally:
        for database in databases.values():
            await database.close()


@contextmanager
def _one_failure() -> Iterator[None]:
    """Of several tasks that failed together, the first one's sentence is told."""
    try:
        yield
    except BaseExceptionGroup as group:
        found = group.subgroup(UnableToPlay)
        if found is None:
            raise
        raise _first(found) from group


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
