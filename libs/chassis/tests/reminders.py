"""Notes that a timer writes, from what the process reads beside it."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime

from notes import Note, NotesSettings

from gerai.chassis import Background, Components, Service, ServiceContext
from gerai.messaging.mongo.driver import Database
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork


class Shelf:
    """Has something in it once a test has put it there."""

    def __init__(self, database: Database) -> None:
        self._shelves = database["shelves"]
        self._read = asyncio.Event()
        self.holds = "nothing"

    async def run(self) -> None:
        while True:
            await self._shelves.update_one({"_id": "looked"}, {"$inc": {"times": 1}}, upsert=True)
            if (shelf := await self._shelves.find_one({"_id": "shelf"})) is not None:
                self.holds = shelf["holds"]
                self._read.set()
            await asyncio.sleep(0.05)

    async def ready(self) -> None:
        await self._read.wait()

    def progress(self) -> Mapping[str, str]:
        return {}


def assemble(service_context: ServiceContext) -> Components:
    shelf = Shelf(service_context.database)

    async def remind(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
        uow.add(Note(id=uuid.uuid4().hex, tenant=timer.tenant, text=f"{timer.key}: {shelf.holds}"))

    look = Background(name="shelf", run=shelf.run, progress=shelf.progress, ready=shelf.ready)
    return Components(timers={"remind": remind}, background=[look])


service = Service(name="reminders", title="Reminders", assemble=assemble, settings=NotesSettings)
