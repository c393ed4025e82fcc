"""The live view: what a person in the control room would see. Without a terminal, a line per hour of the day."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.clock import DemoClock
from demo.hall import Hall
from demo.listener import Published
from demo.mall import Mall
from demo.reckoning import EVENTS, Reader
from demo.scoreboard import Scoreboard, Tally
from gerai.contracts.queue import TicketState
from gerai.messaging.mongo.driver import Database

REFRESH_SECONDS = 0.25
COUNT_SECONDS = 1.0
WIDE, NARROW = 112, 76


@dataclass(kw_only=True)
class ControlRoom:
    """Everything that the view looks at."""

    mall: Mall
    clock: DemoClock
    hall: Hall
    board: Scoreboard
    published: Published
    databases: Mapping[str, Database]
    readers: Sequence[Reader]
    visitors: int
    events: str = ""
    """How far events have come; counted now and then, exactly at the end."""

    def __post_init__(self) -> None:
        self._reading = list(dict.fromkeys(reader.service for reader in self.readers))
        self._desk_names = {desk.id: desk.name for desk in self.mall.desks}

    async def count(self) -> None:
        """Counted from the far end to the near one, so that no number runs ahead of the one before it."""
        while True:
            taken = [
                f"{name} {await self.databases[name]['inbox'].estimated_document_count()}"
                for name in self._reading
            ]
            published = len(self.published.ids)
            outboxes = [database["outbox"] for database in self.databases.values()]
            committed = sum([await one.count_documents(EVENTS) for one in outboxes])
            self.events = f"committed {committed:,} → published {published:,} → consumed: {', '.join(taken)}"
            await asyncio.sleep(COUNT_SECONDS)

    async def show(self, console: Console) -> None:
        """Until cancelled."""
        await (self._show_live(console) if console.is_terminal else self._tell_hours(console))

    async def _show_live(self, console: Console) -> None:
        with Live(self.picture(console.width), console=console, auto_refresh=False, transient=True) as live:
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                live.update(self.picture(console.width), refresh=True)

    async def _tell_hours(self, console: Console) -> None:
        hour = -1
        while True:
            local = self._local()
            if local.hour != hour and local.hour >= 8:
                hour = local.hour
                console.print(self._headline().plain, soft_wrap=True)
            await asyncio.sleep(REFRESH_SECONDS)

    def picture(self, width: int) -> Group:
        names = list(self.mall.counters.items())
        blocks = 2 if width >= NARROW else 1
        size = -(-len(names) // blocks)
        tables = [
            self._table(names[start : start + size], calls=width >= WIDE)
            for start in range(0, len(names), size)
        ]
        return Group(self._headline(), Columns(tables, padding=(0, 1)), self._footline())

    def _local(self) -> datetime:
        return self.clock.now().astimezone(self.mall.zone)

    def _headline(self) -> Text:
        board = self.board
        text = Text(f"{self._local():%H:%M}", style="bold reverse")
        text.append("  MPP Muna Barat  ", style="bold")
        text.append(
            f"{self.hall.arrived}/{self.visitors} visitors · {board.total(TicketState.WAITING)} waiting · "
            f"{board.total(TicketState.CALLED, TicketState.SERVING)} at desks · "
            f"{board.total(TicketState.SERVED)} served"
        )
        return text

    def _footline(self) -> Text:
        board = self.board
        text = Text(
            f"{board.total(TicketState.HELD)} held · {board.steps['ticket-transferred']} transferred · "
            f"{board.total(TicketState.NO_SHOW)} no-show · {board.total(TicketState.CANCELLED)} cancelled · "
            f"{board.total(TicketState.EXPIRED)} expired · {sum(self.hall.refusals.values())} refused\n"
        )
        text.append("events  ", style="bold")
        text.append(self.events)
        return text

    def _table(self, counters: Sequence[tuple[str, str]], *, calls: bool) -> Table:
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("gerai", no_wrap=True, width=21)
        for column in ("wait", "desk", "done"):
            table.add_column(column, justify="right", width=4)
        if calls:
            table.add_column("latest call", no_wrap=True, width=18)
        for id, name in counters:
            table.add_row(name, *self._cells(self.board.tallies[id], calls=calls))
        return table

    def _cells(self, tally: Tally, *, calls: bool) -> list[Text]:
        waiting = tally.states[TicketState.WAITING]
        style = "red" if waiting >= 8 else "yellow" if waiting >= 4 else ""
        cells = [
            Text(str(waiting) if waiting else "·", style=style),
            Text(str(tally.at_desks) if tally.at_desks else "·", style="green" if tally.at_desks else ""),
            Text(str(tally.states[TicketState.SERVED] or "·")),
        ]
        return [*cells, Text(self._call(tally.latest))] if calls else cells

    def _call(self, latest: str) -> str:
        number, _, desk_id = latest.partition(" → ")
        return f"{number} → {self._desk_names.get(desk_id, desk_id)}" if desk_id else ""
